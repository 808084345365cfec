// The raw limit of reading: parallel ranged GETs with libcurl and nothing else.
//
//   get URL SIZE PART CONNECTIONS none|crc64
//   get URL SIZE PART CONNECTIONS none|crc64 OPERATIONS SECONDS    random aligned parts, until one limit is reached
//
// `crc64`: asks for each part's checksum (parts of at most 4 MiB) and holds the bytes against it. The bytes go nowhere.
#include "crc64.h"
#include "transfers.h"

#include <unistd.h>

static const char *url;
static uint64_t size, part;
static int verifies, is_random;

static uint64_t length_of(const Transfer *transfer) {
    uint64_t left = size - transfer->index * part;
    return left < part ? left : part;
}

static size_t take_body(char *bytes, size_t unit, size_t count, void *context) {
    Transfer *transfer = context;
    if (verifies) transfer->checksum = crc64_update(transfer->checksum, bytes, unit * count);
    transfer->done += unit * count;
    return unit * count;
}

static void once(Transfer *transfer) {
    curl_easy_setopt(transfer->handle, CURLOPT_URL, url);
    curl_easy_setopt(transfer->handle, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(transfer->handle, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(transfer->handle, CURLOPT_HEADERFUNCTION, transfers_take_header);
    curl_easy_setopt(transfer->handle, CURLOPT_HEADERDATA, transfer);
}

static void prepare(Transfer *transfer, uint64_t index) {
    char line[96];
    (void)index;
    if (is_random) transfer->index = (uint64_t)random() % (size / part);
    unsigned long long first = transfer->index * part;
    snprintf(line, sizeof line, "x-ms-range: bytes=%llu-%llu", first, first + length_of(transfer) - 1);
    transfer->headers = curl_slist_append(transfer->headers, line);
    transfer->headers = curl_slist_append(transfer->headers, "x-ms-version: 2021-12-02");
    if (verifies) transfer->headers = curl_slist_append(transfer->headers, "x-ms-range-get-content-crc64: true");
}

static uint64_t received;

static void check(Transfer *transfer) {
    char text[13];
    if (transfer->done != length_of(transfer)) give_up("get", "the answer has another length");
    crc64_text(transfer->checksum, text);
    if (verifies && strcmp(text, transfer->promised)) give_up("get", "the checksum does not match");
    received += transfer->done;
}

int main(int count, char **arguments) {
    if (count != 6 && count != 8) {
        fputs("get URL SIZE PART CONNECTIONS none|crc64 [OPERATIONS SECONDS]\n", stderr);
        return 64;
    }
    url = arguments[1];
    size = strtoull(arguments[2], NULL, 10), part = strtoull(arguments[3], NULL, 10);
    verifies = !strcmp(arguments[5], "crc64");
    is_random = count == 8;
    uint64_t parts = is_random ? strtoull(arguments[6], NULL, 10) : (size + part - 1) / part;
    srandom((unsigned)getpid());
    crc64_prepare();
    latencies_prepare(parts);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    double start = seconds_now(), cpu = processor_seconds();
    if (is_random) transfers_deadline = start + strtod(arguments[7], NULL);
    transfers_run(parts, atoi(arguments[4]), once, prepare, check);
    latencies_report(seconds_now() - start, processor_seconds() - cpu, received);
    return 0;
}
