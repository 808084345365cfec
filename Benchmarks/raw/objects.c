// The raw limit of small files: whole blobs by GET, Put Blob or DELETE with libcurl, many at once.
//
//   objects get|delete URL COUNT CONNECTIONS SECONDS
//   objects put URL COUNT CONNECTIONS SECONDS LEAST MOST
//
// After SECONDS nothing more is begun.
// URL is what the names begin with, and a SAS: the names' seven digits from 0000000 on go before its question mark.
// Sizes are those of `files create`. Both ways every blob is checked by its CRC-64.
#include "crc64.h"
#include "sizes.h"
#include "transfers.h"

static const char *verb, *prefix, *token;
static uint64_t least, most, moved;
static const uint8_t *pattern;

static int is(const char *other) { return !strcmp(verb, other); }

static size_t take_body(char *bytes, size_t unit, size_t count, void *context) {
    Transfer *transfer = context;
    transfer->checksum = crc64_update(transfer->checksum, bytes, unit * count);
    transfer->done += unit * count;
    return unit * count;
}

static size_t give_body(char *buffer, size_t unit, size_t count, void *context) {
    Transfer *transfer = context;
    uint64_t left = size_of(transfer->index, least, most) - transfer->done;
    size_t taken = left < unit * count ? (size_t)left : unit * count;
    memcpy(buffer, pattern + transfer->done, taken);
    transfer->done += taken;
    return taken;
}

static void once(Transfer *transfer) {
    curl_easy_setopt(transfer->handle, CURLOPT_WRITEFUNCTION, is("get") ? take_body : transfers_ignore);
    curl_easy_setopt(transfer->handle, CURLOPT_WRITEDATA, transfer);
    if (is("get")) {
        curl_easy_setopt(transfer->handle, CURLOPT_HEADERFUNCTION, transfers_take_header);
        curl_easy_setopt(transfer->handle, CURLOPT_HEADERDATA, transfer);
    } else if (is("put")) {
        curl_easy_setopt(transfer->handle, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(transfer->handle, CURLOPT_READFUNCTION, give_body);
        curl_easy_setopt(transfer->handle, CURLOPT_READDATA, transfer);
    } else {
        curl_easy_setopt(transfer->handle, CURLOPT_CUSTOMREQUEST, "DELETE");
    }
}

static void add(Transfer *transfer, const char *line) {
    transfer->headers = curl_slist_append(transfer->headers, line);
}

static void prepare(Transfer *transfer, uint64_t index) {
    char address[4096], checksum[13], line[64];
    snprintf(address, sizeof address, "%s%07llu?%s", prefix, (unsigned long long)index, token);
    curl_easy_setopt(transfer->handle, CURLOPT_URL, address);
    add(transfer, "x-ms-version: 2021-12-02");
    if (is("get")) {
        // A checksum is given for ranges of at most 4 MiB.
        add(transfer, "x-ms-range: bytes=0-4194303");
        add(transfer, "x-ms-range-get-content-crc64: true");
    } else if (is("put")) {
        uint64_t size = size_of(index, least, most);
        curl_easy_setopt(transfer->handle, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
        crc64_text(crc64_update(0, pattern, size), checksum);
        snprintf(line, sizeof line, "x-ms-content-crc64: %s", checksum);
        add(transfer, line);
        add(transfer, "x-ms-blob-type: BlockBlob");
    }
}

static void check(Transfer *transfer) {
    char text[13];
    crc64_text(transfer->checksum, text);
    if (is("get") && strcmp(text, transfer->promised)) give_up("objects", "the checksum does not match");
    moved += transfer->done;
}

int main(int count, char **arguments) {
    char *question = count >= 5 ? strchr(arguments[2], '?') : NULL;
    verb = count >= 5 ? arguments[1] : "";
    if (!question || !(count == 6 ? is("get") || is("delete") : count == 8 && is("put"))) {
        fputs("objects get|delete URL COUNT CONNECTIONS SECONDS | put … LEAST MOST\n", stderr);
        return 64;
    }
    *question = 0, prefix = arguments[2], token = question + 1;
    uint64_t blobs = strtoull(arguments[3], NULL, 10);
    if (count == 8) least = strtoull(arguments[6], NULL, 10), most = strtoull(arguments[7], NULL, 10);
    if (most > PATTERN_LENGTH) give_up("objects", "at most 64 MiB each");
    crc64_prepare();
    latencies_prepare(blobs);
    pattern = pattern_make();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    double start = seconds_now(), cpu = processor_seconds();
    transfers_deadline = start + strtod(arguments[5], NULL);
    transfers_run(blobs, atoi(arguments[4]), once, prepare, check);
    latencies_report(seconds_now() - start, processor_seconds() - cpu, moved);
    return 0;
}
