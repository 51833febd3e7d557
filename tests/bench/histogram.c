#include "tests/bench/histogram.h"

#include <assert.h>
#include <string.h>

void histogram_init(struct histogram *histogram)
{
    memset(histogram, 0, sizeof(*histogram));
    histogram->least = UINT64_MAX;
}

/* Bucket i is value i below 2,048. From there on a value is shifted right until it is in 1,024 to
 * 2,047, and each shift has 1,024 buckets of its own: the top eleven bits of the value are all that
 * is kept. */
uint32_t histogram_bucket(uint64_t value)
{
    if (value > HISTOGRAM_VALUE_MAX) {
        value = HISTOGRAM_VALUE_MAX;
    }
    if (value < 2 * HISTOGRAM_HALF) {
        return (uint32_t)value;
    }
    uint32_t shift = 64 - 11 - (uint32_t)__builtin_clzll(value);
    return shift * HISTOGRAM_HALF + (uint32_t)(value >> shift);
}

uint64_t histogram_bucket_top(uint32_t bucket)
{
    assert(bucket < HISTOGRAM_BUCKETS);
    if (bucket < 2 * HISTOGRAM_HALF) {
        return bucket;
    }
    uint32_t shift = bucket / HISTOGRAM_HALF - 1;
    uint64_t kept = bucket - (uint64_t)shift * HISTOGRAM_HALF;
    return ((kept + 1) << shift) - 1;
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
    histogram->counts[histogram_bucket(value)]++;
    histogram->count++;
    histogram->sum += value;
    histogram->least = value < histogram->least ? value : histogram->least;
    histogram->most = value > histogram->most ? value : histogram->most;
}

void histogram_add(struct histogram *histogram, const struct histogram *from)
{
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        histogram->counts[i] += from->counts[i];
    }
    histogram->count += from->count;
    histogram->sum += from->sum;
    histogram->least = from->least < histogram->least ? from->least : histogram->least;
    histogram->most = from->most > histogram->most ? from->most : histogram->most;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent)
{
    assert(percent >= 0 && percent <= 100);
    if (histogram->count == 0) {
        return 0;
    }
    /* 99.9 % of 1,000 are 999, whatever binary fractions make of it. */
    double exact = percent / 100 * (double)histogram->count * (1 - 1e-12);
    uint64_t wanted = (uint64_t)exact;
    if ((double)wanted < exact || wanted == 0) {
        wanted++;
    }
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen >= wanted) {
            uint64_t top = i == HISTOGRAM_BUCKETS - 1 ? histogram->most : histogram_bucket_top(i);
            return top < histogram->most ? top : histogram->most;
        }
    }
    return histogram->most;
}

double histogram_mean(const struct histogram *histogram)
{
    return histogram->count == 0 ? 0 : (double)histogram->sum / (double)histogram->count;
}
