// What Linux has and Swift's Glibc module does not show: GNU-only calls, function-like macros, variadics.
// Declared by hand where <features.h> would need _GNU_SOURCE (which would redefine Glibc's structures).
#ifndef OUTPUTFS_CLINUX_H
#define OUTPUTFS_CLINUX_H
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

extern ssize_t copy_file_range(int fd_in, off_t *off_in, int fd_out, off_t *off_out, size_t len, unsigned int flags);
extern int fallocate(int fd, int mode, off_t offset, off_t len);
extern int memfd_create(const char *name, unsigned int flags);
extern int pipe2(int fds[2], int flags);
extern int pthread_setname_np(pthread_t thread, const char *name);
extern int renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, unsigned int flags);
extern ssize_t sendfile(int out_fd, int in_fd, off_t *offset, size_t count);
extern int accept4(int fd, struct sockaddr *addr, unsigned int *len, int flags);
extern int sync_file_range(int fd, off_t offset, off_t count, unsigned int flags);

extern int posix_spawn_file_actions_addchdir_np(void *actions, const char *path);

// Under a name of its own: Glibc's module may or may not show the other.
static inline int clinux_spawn_chdir(void *actions, const char *path) {
    return posix_spawn_file_actions_addchdir_np(actions, path);
}

enum {
    clinux_falloc_keep_size = 0x01,
    clinux_falloc_punch_hole = 0x02,
    clinux_falloc_zero_range = 0x10,
    clinux_seek_data = 3,
    clinux_seek_hole = 4,
    clinux_rename_noreplace = 1,
    clinux_rename_exchange = 2,
    clinux_mfd_cloexec = 1,
    clinux_o_tmpfile = 020000000 | 0200000,
    clinux_o_direct = 040000,
    clinux_o_noatime = 01000000,
    clinux_f_ofd_getlk = 36,
    clinux_f_ofd_setlk = 37,
};

// pread with RWF_NOWAIT: what is not in memory is EAGAIN. By number, since <sys/uio.h> here would take `struct iovec` away
// from Glibc's module; the kernel wants the offset in two halves.
static inline ssize_t clinux_pread_nowait(int fd, void *buffer, size_t count, uint64_t offset) {
    struct { void *base; size_t count; } vector = {buffer, count};
    return syscall(SYS_preadv2, fd, &vector, 1, (long)offset, sizeof(long) < 8 ? (long)(offset >> 16 >> 16) : 0, 0x08);
}

// PR_SET_PDEATHSIG: this process gets the signal when the thread that started it ends.
static inline int clinux_die_with_parent(int signal) { return (int)syscall(SYS_prctl, 1, (long)signal, 0, 0, 0); }

// prctl(PR_SET_DUMPABLE, 0): variadic. /proc/self stays open to the process itself.
static inline int clinux_forbid_dumps(void) { return (int)syscall(SYS_prctl, 4, 0L, 0L, 0L, 0L); }

// `f_type` of statfs(2), as <linux/magic.h> has it; -1 with errno.
static inline int64_t clinux_file_system_magic(const char *path) {
    struct statfs statistics;
    return statfs(path, &statistics) == 0 ? (int64_t)(uint32_t)statistics.f_type : -1;
}

static inline pid_t clinux_gettid(void) { return (pid_t)syscall(SYS_gettid); }
#endif
