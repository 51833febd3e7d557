#include "cli/suggest.h"

#include <ctype.h>

#define WORD_MAX 32

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static bool same(struct tn_str a, size_t i, struct tn_str b, size_t j)
{
    return tolower((unsigned char)a.ptr[i]) == tolower((unsigned char)b.ptr[j]);
}

/* Optimal string alignment: a swap of neighbours is one slip, not two. */
static unsigned distance(struct tn_str a, struct tn_str b)
{
    unsigned rows[WORD_MAX + 1][WORD_MAX + 1] = {{0}};

    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a.len; i++) {
        rows[i][0] = (unsigned)i;
        for (size_t j = 1; j <= b.len; j++) {
            bool is_swap = i > 1 && j > 1 && same(a, i - 1, b, j - 2) && same(a, i - 2, b, j - 1);
            unsigned slips = rows[i - 1][j - 1] + (same(a, i - 1, b, j - 1) ? 0 : 1);

            slips = least(slips, least(rows[i - 1][j], rows[i][j - 1]) + 1);
            rows[i][j] = is_swap ? least(slips, rows[i - 2][j - 2] + 1) : slips;
        }
    }
    return rows[a.len][b.len];
}

void cli_suggest(struct cli_suggestion *suggestion, struct tn_str typed, const char *candidate)
{
    struct tn_str word = tn_str_of(candidate);

    if (typed.len == 0 || typed.len > WORD_MAX || word.len > WORD_MAX)
        return;
    unsigned slips = distance(typed, word);
    /* One slip in a word of three letters, two in one of six: more is another word. */
    if (slips > (word.len + 2) / 3 || slips >= word.len)
        return;
    if (!suggestion->word || slips < suggestion->distance)
        *suggestion = (struct cli_suggestion){candidate, slips};
}
