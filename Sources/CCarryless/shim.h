// The emulator's own use of PCLMULQDQ, for which Swift has no name: written apart from the client's (CChecksums), so that
// no mistake in one can hide in the other.
#ifndef OUTPUTFS_CCARRYLESS_H
#define OUTPUTFS_CCARRYLESS_H
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

static inline int ccarryless_is_here(void) {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_PCLMUL) && (c & bit_SSE4_1);
}

// Four accumulators of 16 bytes walk over `count` bytes (a multiple of 64, at least 64): each step multiplies an
// accumulator's halves by step_low and step_high and adds the next 16 bytes. At the end the four are moved onto one
// another by lane_low and lane_high. `seed` is added to the first 8 bytes; result[0] and result[1] take what is left.
__attribute__((target("pclmul,sse4.1"))) static inline void ccarryless_shorten(
    const uint8_t *bytes, size_t count, uint64_t seed, uint64_t step_low, uint64_t step_high, uint64_t lane_low,
    uint64_t lane_high, uint64_t result[2]
) {
    const __m128i step = _mm_set_epi64x((long long)step_high, (long long)step_low);
    const __m128i lane = _mm_set_epi64x((long long)lane_high, (long long)lane_low);
    __m128i a = _mm_loadu_si128((const __m128i *)bytes);
    __m128i b = _mm_loadu_si128((const __m128i *)(bytes + 16));
    __m128i c = _mm_loadu_si128((const __m128i *)(bytes + 32));
    __m128i d = _mm_loadu_si128((const __m128i *)(bytes + 48));
    a = _mm_xor_si128(a, _mm_set_epi64x(0, (long long)seed));
#define MOVED(x, by) _mm_xor_si128(_mm_clmulepi64_si128(x, by, 0x00), _mm_clmulepi64_si128(x, by, 0x11))
    for (size_t at = 64; at < count; at += 64) {
        a = _mm_xor_si128(MOVED(a, step), _mm_loadu_si128((const __m128i *)(bytes + at)));
        b = _mm_xor_si128(MOVED(b, step), _mm_loadu_si128((const __m128i *)(bytes + at + 16)));
        c = _mm_xor_si128(MOVED(c, step), _mm_loadu_si128((const __m128i *)(bytes + at + 32)));
        d = _mm_xor_si128(MOVED(d, step), _mm_loadu_si128((const __m128i *)(bytes + at + 48)));
    }
    b = _mm_xor_si128(MOVED(a, lane), b);
    c = _mm_xor_si128(MOVED(b, lane), c);
    d = _mm_xor_si128(MOVED(c, lane), d);
#undef MOVED
    _mm_storeu_si128((__m128i *)result, d);
}
#else
static inline int ccarryless_is_here(void) { return 0; }

static inline void ccarryless_shorten(
    const uint8_t *bytes, size_t count, uint64_t seed, uint64_t step_low, uint64_t step_high, uint64_t lane_low,
    uint64_t lane_high, uint64_t result[2]
) {
    (void)bytes, (void)count, (void)seed, (void)step_low, (void)step_high, (void)lane_low, (void)lane_high, (void)result;
}
#endif
#endif
