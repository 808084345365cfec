// The raw limit of FUSE: a file system that holds nothing and answers at once, by libfuse's low-level interface.
//
//   nullfs MOUNTPOINT SIZE ENTRIES
//
// zeros        a file of SIZE bytes, all 0
// names/       ENTRIES empty files named by seven digits from 0000000 on
// made/        takes new files, forgets what is written to them, and never lists them
// made/0 …     directories, named by one or two digits, in which every name of seven digits is an empty file
//
// Everything may be cached for ever. Ends when it is unmounted, or by SIGTERM.
#define FUSE_USE_VERSION 312
#define _GNU_SOURCE
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ZEROS = 2, NAMES = 3, MADE = 4, FIRST_DIRECTORY = 16, DIRECTORIES = 100, FIRST_NAME = 1 << 10 };
enum { LONGEST_READ = 1 << 20 };
static const double forever = 1e9;
// Made files have node ids above all names.
static const fuse_ino_t first_made = 1ull << 32;

static uint64_t size, entries;
static char *zeros;
static _Atomic fuse_ino_t last_made;

static int is_full(fuse_ino_t node) { return node >= FIRST_DIRECTORY && node < FIRST_DIRECTORY + DIRECTORIES; }

static int takes_changes(fuse_ino_t node) { return node == MADE || is_full(node); }

static struct stat attributes(fuse_ino_t node) {
    struct stat status = {.st_ino = node, .st_nlink = 1, .st_mode = S_IFREG | 0644};
    if (node == FUSE_ROOT_ID || node == NAMES || takes_changes(node)) status.st_mode = S_IFDIR | 0755;
    if (node == ZEROS) status.st_size = (off_t)size;
    return status;
}

static struct fuse_entry_param entry(fuse_ino_t node) {
    return (struct fuse_entry_param){
        .ino = node, .attr = attributes(node), .attr_timeout = forever, .entry_timeout = forever};
}

static void init(void *context, struct fuse_conn_info *connection) {
    (void)context;
    connection->max_background = 128;
    connection->want |= connection->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_PARALLEL_DIROPS);
}

static void lookup(fuse_req_t request, fuse_ino_t parent, const char *name) {
    fuse_ino_t node = 0;
    char *end;
    uint64_t number = strtoull(name, &end, 10);
    long digits = *end == 0 ? end - name : 0;
    if (parent == FUSE_ROOT_ID) {
        node = !strcmp(name, "zeros") ? ZEROS : !strcmp(name, "names") ? NAMES : !strcmp(name, "made") ? MADE : 0;
    } else if (parent == NAMES) {
        if (digits == 7 && number < entries) node = FIRST_NAME + number;
    } else if (parent == MADE) {
        if (digits == 1 || digits == 2) node = FIRST_DIRECTORY + number;
    } else if (is_full(parent) && digits == 7) {
        node = first_made + last_made++;
    }
    if (node == 0) {
        fuse_reply_err(request, ENOENT);
        return;
    }
    struct fuse_entry_param found = entry(node);
    fuse_reply_entry(request, &found);
}

static void getattr(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file) {
    (void)file;
    struct stat status = attributes(node);
    fuse_reply_attr(request, &status, forever);
}

static void setattr(fuse_req_t request, fuse_ino_t node, struct stat *wanted, int which, struct fuse_file_info *file) {
    (void)wanted, (void)which;
    getattr(request, node, file);
}

static void open_file(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file) {
    (void)node;
    file->keep_cache = 1;
    fuse_reply_open(request, file);
}

static void read_file(fuse_req_t request, fuse_ino_t node, size_t count, off_t offset, struct fuse_file_info *file) {
    (void)file;
    uint64_t left = node == ZEROS && (uint64_t)offset < size ? size - (uint64_t)offset : 0;
    if (count > left) count = left;
    fuse_reply_buf(request, zeros, count < LONGEST_READ ? count : LONGEST_READ);
}

static void write_file(
    fuse_req_t request, fuse_ino_t node, const char *bytes, size_t count, off_t offset, struct fuse_file_info *file
) {
    (void)node, (void)bytes, (void)offset, (void)file;
    fuse_reply_write(request, count);
}

static void create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *file) {
    (void)name, (void)mode;
    if (!takes_changes(parent)) {
        fuse_reply_err(request, EROFS);
        return;
    }
    struct fuse_entry_param made = entry(first_made + last_made++);
    fuse_reply_create(request, &made, file);
}

static void removed(fuse_req_t request, fuse_ino_t parent, const char *name) {
    (void)name;
    fuse_reply_err(request, takes_changes(parent) ? 0 : EROFS);
}

static void moved(
    fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t target, const char *to, unsigned flags
) {
    (void)name, (void)target, (void)to, (void)flags;
    fuse_reply_err(request, takes_changes(parent) ? 0 : EROFS);
}

static void succeed(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file) {
    (void)node, (void)file;
    fuse_reply_err(request, 0);
}

// Offset n is the n-th name; the root lists nothing.
static void list(fuse_req_t request, fuse_ino_t node, size_t room, off_t offset, int with_attributes) {
    char *buffer = malloc(room);
    size_t used = 0;
    uint64_t count = node == NAMES ? entries : 0;
    for (uint64_t number = (uint64_t)offset; number < count; number++) {
        char name[24];
        snprintf(name, sizeof name, "%07llu", (unsigned long long)number);
        struct fuse_entry_param found = entry(FIRST_NAME + number);
        off_t next = (off_t)number + 1;
        size_t needed = with_attributes
            ? fuse_add_direntry_plus(request, buffer + used, room - used, name, &found, next)
            : fuse_add_direntry(request, buffer + used, room - used, name, &found.attr, next);
        if (needed > room - used) break;
        used += needed;
    }
    fuse_reply_buf(request, buffer, used);
    free(buffer);
}

static void readdir(fuse_req_t request, fuse_ino_t node, size_t room, off_t offset, struct fuse_file_info *file) {
    (void)file;
    list(request, node, room, offset, 0);
}

static void readdirplus(fuse_req_t request, fuse_ino_t node, size_t room, off_t offset, struct fuse_file_info *file) {
    (void)file;
    list(request, node, room, offset, 1);
}

static const struct fuse_lowlevel_ops operations = {
    .init = init,
    .lookup = lookup,
    .getattr = getattr,
    .setattr = setattr,
    .open = open_file,
    .read = read_file,
    .write = write_file,
    .create = create,
    .unlink = removed,
    .rename = moved,
    .flush = succeed,
    .release = succeed,
    .readdir = readdir,
    .readdirplus = readdirplus,
};

int main(int count, char **arguments) {
    if (count != 4) {
        fputs("nullfs MOUNTPOINT SIZE ENTRIES\n", stderr);
        return 64;
    }
    size = strtoull(arguments[2], NULL, 10), entries = strtoull(arguments[3], NULL, 10);
    zeros = mmap(NULL, LONGEST_READ, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (zeros == MAP_FAILED) return 1;
    memset(zeros, 0, LONGEST_READ);
    struct fuse_args options = FUSE_ARGS_INIT(0, NULL);
    fuse_opt_add_arg(&options, arguments[0]);
    struct fuse_session *session = fuse_session_new(&options, &operations, sizeof operations, NULL);
    if (!session || fuse_set_signal_handlers(session) || fuse_session_mount(session, arguments[1])) return 1;
    struct fuse_loop_config *loop = fuse_loop_cfg_create();
    fuse_loop_cfg_set_max_threads(loop, 4);
    fuse_loop_cfg_set_idle_threads(loop, 4);
    int status = fuse_session_loop_mt(session, loop);
    fuse_loop_cfg_destroy(loop);
    fuse_session_unmount(session);
    fuse_remove_signal_handlers(session);
    fuse_session_destroy(session);
    fuse_opt_free_args(&options);
    return status < 0;
}
