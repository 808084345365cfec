// The raw limit of reading: parallel ranged GETs with libcurl and nothing else.
//
//   get URL SIZE PART CONNECTIONS none|crc64
//
// `crc64`: asks for each part's checksum (parts of at most 4 MiB) and holds the bytes against it. The bytes go nowhere.
#include "crc64.h"
#include "pattern.h"
#include "transfers.h"

#include <strings.h>

static const char *url;
static uint64_t size, part;
static int verifies;

static uint64_t length_of(uint64_t index) { return size - index * part < part ? size - index * part : part; }

static size_t take_body(char *bytes, size_t unit, size_t count, void *context) {
    Transfer *transfer = context;
    if (verifies) transfer->checksum = crc64_update(transfer->checksum, bytes, unit * count);
    transfer->done += unit * count;
    return unit * count;
}

static size_t take_header(char *bytes, size_t unit, size_t count, void *context) {
    Transfer *transfer = context;
    static const char name[] = "x-ms-content-crc64: ";
    size_t length = sizeof name - 1;
    if (unit * count >= length + 12 && !strncasecmp(bytes, name, length)) {
        memcpy(transfer->promised, bytes + length, 12);
        transfer->promised[12] = 0;
    }
    return unit * count;
}

static void once(Transfer *transfer) {
    curl_easy_setopt(transfer->handle, CURLOPT_URL, url);
    curl_easy_setopt(transfer->handle, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(transfer->handle, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(transfer->handle, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(transfer->handle, CURLOPT_HEADERDATA, transfer);
}

static void prepare(Transfer *transfer, uint64_t index) {
    char line[96];
    unsigned long long first = index * part;
    snprintf(line, sizeof line, "x-ms-range: bytes=%llu-%llu", first, first + length_of(index) - 1);
    transfer->headers = curl_slist_append(transfer->headers, line);
    transfer->headers = curl_slist_append(transfer->headers, "x-ms-version: 2021-12-02");
    if (verifies) transfer->headers = curl_slist_append(transfer->headers, "x-ms-range-get-content-crc64: true");
}

static void check(Transfer *transfer) {
    char text[13];
    if (transfer->done != length_of(transfer->index)) give_up("get", "the answer has another length");
    crc64_text(transfer->checksum, text);
    if (verifies && strcmp(text, transfer->promised)) give_up("get", "the checksum does not match");
}

int main(int count, char **arguments) {
    if (count != 6) {
        fputs("get URL SIZE PART CONNECTIONS none|crc64\n", stderr);
        return 64;
    }
    url = arguments[1];
    size = strtoull(arguments[2], NULL, 10), part = strtoull(arguments[3], NULL, 10);
    verifies = !strcmp(arguments[5], "crc64");
    crc64_prepare();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    double start = seconds_now(), cpu = processor_seconds();
    transfers_run((size + part - 1) / part, atoi(arguments[4]), once, prepare, check);
    report(seconds_now() - start, processor_seconds() - cpu, size);
    return 0;
}
