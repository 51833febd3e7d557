/*
 * histogram: how often each duration was seen, in buckets that grow with the value, as
 * HdrHistogram's do.
 *
 * Not for exact samples. Shapes: values in ns from 0 to HISTOGRAM_VALUE_MAX (about 73 minutes);
 * below 2,048 every value has a bucket of its own, above it each power of two is divided into
 * 1,024, so that what is read back is at most 0.1 % too large. Larger values count in the last
 * bucket. Two histograms are added by adding their buckets. Errors: none. Ownership: a plain struct
 * of 280 KiB, the caller's; no allocation. Threads: one at a time. Source: the bucket layout of
 * HdrHistogram (three significant digits), from its description.
 */
#ifndef TESTS_BENCH_HISTOGRAM_H
#define TESTS_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_HALF 1024 /* buckets for each power of two */
#define HISTOGRAM_POWERS 32 /* powers of two above the first 2,048 values */
#define HISTOGRAM_BUCKETS ((HISTOGRAM_POWERS + 1) * HISTOGRAM_HALF)
#define HISTOGRAM_VALUE_MAX (((uint64_t)HISTOGRAM_HALF << HISTOGRAM_POWERS) - 1)

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t count;
    uint64_t sum; /* of the values themselves, not of their buckets */
    uint64_t least;
    uint64_t most;
};

/* Empty: least is UINT64_MAX until something was recorded. */
void histogram_init(struct histogram *histogram);

void histogram_record(struct histogram *histogram, uint64_t value);

/* Adds what `from` has seen. */
void histogram_add(struct histogram *histogram, const struct histogram *from);

/* The smallest value that at least `percent` (0 to 100) of all values are not above: the upper end
 * of its bucket, but never more than the largest value that was seen. 0 when nothing was recorded.
 */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

/* 0 when nothing was recorded. */
double histogram_mean(const struct histogram *histogram);

/* Which bucket a value counts in, and the largest value of a bucket; for tests. */
uint32_t histogram_bucket(uint64_t value);
uint64_t histogram_bucket_top(uint32_t bucket);

#endif
