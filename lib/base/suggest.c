#include "lib/base/suggest.h"

#include <ctype.h>
#include <stdbool.h>

#define WORD_MAX 64

static int fold(char c)
{
    return c == '-' ? '_' : tolower((unsigned char)c);
}

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

/* At most a third of a word and a bit; one letter of a word of two. */
static bool is_slip(uint32_t d, size_t longer)
{
    return d <= (longer + 2) / 4 + 1 && ((size_t)d * 2 < longer || (d == 1 && longer > 1));
}

void tn_suggest(struct tn_suggestion *suggestion, struct tn_str typed, const char *candidate)
{
    struct tn_str word = tn_str_of(candidate);
    if (typed.len == 0 || typed.len > WORD_MAX || word.len > WORD_MAX) {
        return;
    }
    size_t longer = word.len > typed.len ? word.len : typed.len;
    uint32_t d = distance(typed, word);
    if (is_slip(d, longer) && (!suggestion->word || d < suggestion->distance)) {
        *suggestion = (struct tn_suggestion){candidate, d};
    }
}
