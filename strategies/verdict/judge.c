#include "strategies/verdict/verdict.h"

#include <assert.h>

#define MARGIN_SHARE 0.2
#define MARGIN_LEAST 0.001

const char *strategy_verdict_word(enum strategy_verdict verdict)
{
    static const char *const words[] = {
#define WORD(name, word) word,
        STRATEGY_VERDICT_MAP(WORD)
#undef WORD
    };

    assert((unsigned)verdict < STRATEGY_VERDICT_COUNT);
    return words[verdict];
}

double strategy_margin(double stable_share)
{
    double margin = MARGIN_SHARE * stable_share;

    return margin > MARGIN_LEAST ? margin : MARGIN_LEAST;
}

enum strategy_verdict strategy_judge(const struct strategy_interval *difference, double margin)
{
    if (difference->low >= -margin && difference->high <= margin)
        return STRATEGY_VERDICT_SAME;
    if (difference->low >= 0 && difference->value > 0)
        return STRATEGY_VERDICT_WORSE;
    if (difference->high <= 0 && difference->value < 0)
        return STRATEGY_VERDICT_BETTER;
    return STRATEGY_VERDICT_INCONCLUSIVE;
}
