#include "proxy/route/newcomer.h"

#include "proxy/route/pick.h"

#define TRIES_MAX 2048
#define HOMES_MAX 64       /* then a closed home is taken, and the request is spilled */
#define STAND_INS_MAX 1024 /* then the id's own order decides who stands in */

static bool has_open_home(const struct px_snapshot_version *version, uint64_t key)
{
    uint32_t home = px_pick_home(version, key);

    return home != STRATEGY_NONE && px_pick_is_open(version, home, false);
}

/* Would this user meet the same stand-in with the next request? */
static bool meets_stand_in(const struct px_newcomer_question *newcomer, uint64_t key)
{
    struct strategy_version_question question = *newcomer->question;
    struct strategy_version_answer answer;

    question.has_key = true;
    question.is_newcomer = false;
    question.key = key;
    strategy_choose_version(&question, &answer);
    return answer.index == newcomer->stand_in;
}

bool px_newcomer_draw(const struct px_newcomer_question *newcomer, struct tn_random *random,
                      uint8_t ret_id[PX_ID_BYTES], uint64_t *ret_key)
{
    uint32_t homes = 0;
    uint32_t stand_ins = 0;

    for (uint32_t i = 0; i < TRIES_MAX; i++) {
        uint64_t key =
            strategy_key_propose(newcomer->question, newcomer->wanted, tn_random_u64(random));

        if (!strategy_key_lands_in(newcomer->question, key, newcomer->wanted))
            continue;
        if (newcomer->has_stand_in && ++stand_ins <= STAND_INS_MAX &&
            !meets_stand_in(newcomer, key))
            continue;
        if (newcomer->home && ++homes <= HOMES_MAX && !has_open_home(newcomer->home, key))
            continue;
        px_key_id(key, tn_random_u64(random), newcomer->seed, ret_id);
        *ret_key = key;
        return true;
    }
    return false;
}
