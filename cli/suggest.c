#include "cli/suggest.h"

#include <ctype.h>

#define WORD_MAX 32

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: a swap of neighbours is one slip, not two. */
static unsigned distance(struct tn_str a, struct tn_str b)
{
    unsigned row[WORD_MAX + 1][WORD_MAX + 1];

    for (size_t i = 0; i <= a.len; i++)
        row[i][0] = (unsigned)i;
    for (size_t j = 0; j <= b.len; j++)
        row[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a.len; i++) {
        for (size_t j = 1; j <= b.len; j++) {
            bool same =
                tolower((unsigned char)a.ptr[i - 1]) == tolower((unsigned char)b.ptr[j - 1]);

            row[i][j] =
                least(row[i - 1][j - 1] + (same ? 0 : 1), least(row[i - 1][j], row[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1])
                row[i][j] = least(row[i][j], row[i - 2][j - 2] + 1);
        }
    }
    return row[a.len][b.len];
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
