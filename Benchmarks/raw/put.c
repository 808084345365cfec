// The raw limit of writing: parallel Put Block with a CRC-64 each, one MD5 of the whole on a thread beside, Put Block
// List. The bytes come from memory.
//
//   put URL SIZE BLOCK CONNECTIONS
//
// URL carries a SAS. BLOCK divides 64 MiB.
#include "crc64.h"
#include "pattern.h"
#include "transfers.h"

#include <openssl/evp.h>
#include <pthread.h>

static const char *url;
static uint64_t size, block;
static uint8_t *pattern;

static uint64_t length_of(uint64_t index) { return size - index * block < block ? size - index * block : block; }

static const uint8_t *bytes_of(uint64_t index) { return pattern + index * block % PATTERN_LENGTH; }

// Sixteen digits: nothing needs escaping in a URL, and the ids are as long as rclone's, which could not append
// otherwise, since all ids of a blob have to have one length. 24 characters of base64.
static void block_id(uint64_t index, char text[25]) {
    char digits[24];
    snprintf(digits, sizeof digits, "%016u", (unsigned)index);
    base64_encode((const uint8_t *)digits, 16, text);
}

static size_t give_body(char *buffer, size_t unit, size_t count, void *context) {
    Transfer *transfer = context;
    uint64_t left = length_of(transfer->index) - transfer->done;
    size_t taken = left < unit * count ? (size_t)left : unit * count;
    memcpy(buffer, bytes_of(transfer->index) + transfer->done, taken);
    transfer->done += taken;
    return taken;
}

static void once(Transfer *transfer) {
    curl_easy_setopt(transfer->handle, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(transfer->handle, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(transfer->handle, CURLOPT_READDATA, transfer);
}

static void prepare(Transfer *transfer, uint64_t index) {
    char id[25], checksum[13], line[64], address[4096];
    block_id(index, id);
    snprintf(address, sizeof address, "%s&comp=block&blockid=%s", url, id);
    curl_easy_setopt(transfer->handle, CURLOPT_URL, address);
    curl_easy_setopt(transfer->handle, CURLOPT_INFILESIZE_LARGE, (curl_off_t)length_of(index));
    crc64_text(crc64_update(0, bytes_of(index), length_of(index)), checksum);
    snprintf(line, sizeof line, "x-ms-content-crc64: %s", checksum);
    transfer->headers = curl_slist_append(transfer->headers, line);
}

static void check(Transfer *transfer) {
    if (transfer->done != length_of(transfer->index)) give_up("put", "the block was not sent as a whole");
}

// MD5 cannot be split: it goes through the whole file on a thread of its own.
static void *whole_md5(void *digest) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_DigestInit_ex(context, EVP_md5(), NULL);
    for (uint64_t index = 0; index * block < size; index++) {
        EVP_DigestUpdate(context, bytes_of(index), length_of(index));
    }
    EVP_DigestFinal_ex(context, digest, NULL);
    EVP_MD_CTX_free(context);
    return NULL;
}

static void put_block_list(const uint8_t md5[16]) {
    uint64_t blocks = (size + block - 1) / block;
    char address[4096], id[25], digest[25], line[64];
    char *list = malloc(blocks * 64 + 64), *end = list;
    end += sprintf(end, "<BlockList>");
    for (uint64_t index = 0; index < blocks; index++) {
        block_id(index, id);
        end += sprintf(end, "<Latest>%s</Latest>", id);
    }
    sprintf(end, "</BlockList>");
    base64_encode(md5, 16, digest);
    snprintf(line, sizeof line, "x-ms-blob-content-md5: %s", digest);
    snprintf(address, sizeof address, "%s&comp=blocklist", url);
    CURL *handle = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(curl_slist_append(NULL, "Expect:"), line);
    curl_easy_setopt(handle, CURLOPT_URL, address);
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, "PUT");
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, list);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, transfers_ignore);
    curl_easy_setopt(handle, CURLOPT_FAILONERROR, 1L);
    CURLcode code = curl_easy_perform(handle);
    if (code != CURLE_OK) give_up("Put Block List", curl_easy_strerror(code));
    curl_slist_free_all(headers);
    curl_easy_cleanup(handle);
    free(list);
}

int main(int count, char **arguments) {
    if (count != 5) {
        fputs("put URL SIZE BLOCK CONNECTIONS\n", stderr);
        return 64;
    }
    url = arguments[1];
    size = strtoull(arguments[2], NULL, 10), block = strtoull(arguments[3], NULL, 10);
    if (block == 0 || PATTERN_LENGTH % block) give_up("put", "the block does not divide 64 MiB");
    crc64_prepare();
    latencies_prepare((size + block - 1) / block);
    pattern = pattern_make();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    double start = seconds_now(), cpu = processor_seconds();
    uint8_t md5[16];
    pthread_t hashing;
    if (pthread_create(&hashing, NULL, whole_md5, md5)) give_up("put", "no thread");
    transfers_run((size + block - 1) / block, atoi(arguments[4]), once, prepare, check);
    pthread_join(hashing, NULL);
    put_block_list(md5);
    report(seconds_now() - start, processor_seconds() - cpu, size);
    return 0;
}
