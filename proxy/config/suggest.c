#include "proxy/config/parse.h"

#include <ctype.h>

#define WORD_MAX 64

static int fold(char c)
{
    return c == '-' ? '_' : tolower((unsigned char)c);
}

/* Optimal string alignment: a swap of neighbours counts as one, as fingers do it. */
static uint32_t distance(struct tn_str a, struct tn_str b)
{
    uint32_t rows[3][WORD_MAX + 1];
    uint32_t *before = rows[0];
    uint32_t *last = rows[1];
    uint32_t *row = rows[2];
    for (size_t j = 0; j <= b.len; j++) {
        last[j] = (uint32_t)j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        row[0] = (uint32_t)i;
        for (size_t j = 1; j <= b.len; j++) {
            bool same = fold(a.ptr[i - 1]) == fold(b.ptr[j - 1]);
            uint32_t best = last[j - 1] + !same;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            best = last[j] + 1 < best ? last[j] + 1 : best;
            if (i > 1 && j > 1 && fold(a.ptr[i - 1]) == fold(b.ptr[j - 2]) &&
                fold(a.ptr[i - 2]) == fold(b.ptr[j - 1]) && before[j - 2] + 1 < best) {
                best = before[j - 2] + 1;
            }
            row[j] = best;
        }
        uint32_t *reused = before;
        before = last;
        last = row;
        row = reused;
    }
    return last[b.len];
}

/* 'ip' of 'client_ip': the only word with such a part. */
static const char *find_part(struct tn_str found, const char *const *words, size_t count)
{
    const char *only = NULL;
    for (size_t i = 0; i < count; i++) {
        const char *at = found.len > 1 ? strstr(words[i], "_") : NULL;
        struct tn_str last = tn_str_of(at ? at + 1 : NULL);
        struct tn_str first = {words[i], at ? (size_t)(at - words[i]) : 0};
        if (tn_str_equal_nocase(found, first) || tn_str_equal_nocase(found, last)) {
            if (only) {
                return NULL;
            }
            only = words[i];
        }
    }
    return only;
}

/* At most a third of a word and a bit; one letter of a word of two. */
static bool is_slip(uint32_t d, size_t longer)
{
    return d <= (longer + 2) / 4 + 1 && ((size_t)d * 2 < longer || (d == 1 && longer > 1));
}

const char *px_suggest(struct tn_str found, const char *const *words, size_t count)
{
    const char *nearest = NULL;
    uint32_t least = UINT32_MAX;
    if (found.len == 0 || found.len > WORD_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        struct tn_str word = tn_str_of(words[i]);
        if (word.len > WORD_MAX) {
            continue;
        }
        size_t longer = word.len > found.len ? word.len : found.len;
        uint32_t d = distance(found, word);
        if (d < least && is_slip(d, longer)) {
            least = d;
            nearest = words[i];
        }
    }
    return nearest ? nearest : find_part(found, words, count);
}
