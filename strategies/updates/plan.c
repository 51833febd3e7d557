#include "strategies/updates/kinds.h"

#include <assert.h>
#include <errno.h>

void strategy_plan_init(struct strategy_plan *plan, enum strategy_kind kind)
{
    *plan = (struct strategy_plan){
        .kind = kind,
        .progress_ms = 600000,
        .drain_ms = 10000,
    };
    strategy_kind_of(plan)->init(plan);
}

int strategy_plan_add(struct strategy_plan *plan, const struct strategy_step *step)
{
    if (plan->step_count >= STRATEGY_OWN_STEPS_MAX)
        return -EINVAL;
    plan->steps[plan->step_count++] = *step;
    return 0;
}

static uint32_t round_amount(const struct strategy_amount *amount, uint32_t n, uint32_t up)
{
    if (!amount->is_percent)
        return amount->value;
    return (uint32_t)(((uint64_t)amount->value * n + up * 99u) / 100);
}

static bool check_numbers(struct strategy_plan *plan, struct strategy_text *problem)
{
    uint32_t n = plan->replicas;

    if (n == 0 || n > STRATEGY_REPLICAS_MAX) {
        strategy_say(problem, "replicas must be 1 to ");
        strategy_say_number(problem, STRATEGY_REPLICAS_MAX);
        return false;
    }
    if (plan->idle_replicas > STRATEGY_REPLICAS_MAX)
        return strategy_refuse(problem, "the idle version has more instances than can be updated");
    plan->surge_count = round_amount(&plan->surge, n, 1);
    plan->unavailable_count = round_amount(&plan->unavailable, n, 0);
    if (plan->surge_count > n || plan->unavailable_count > n)
        return strategy_refuse(problem, "surge and unavailable are at most N (100 %)");
    if (plan->progress_ms == 0)
        return strategy_refuse(problem, "the progress deadline must be longer than 0");
    return true;
}

/* A pause of no length is one for a person; so is an approval, unless a hook gives it. */
static void complete_step(const struct strategy_plan *plan, struct strategy_step *step)
{
    struct strategy_evidence *evidence = &step->evidence;

    if (step->kind == STRATEGY_STEP_PAUSE && evidence->for_ms == 0 && evidence->requests == 0 &&
        !evidence->verdict && !evidence->goal && !evidence->confirm)
        evidence->person = true;
    if (step->kind == STRATEGY_STEP_APPROVE) {
        evidence->confirm = (plan->hooks & 1u << STRATEGY_HOOK_CONFIRM) != 0;
        evidence->person = !evidence->confirm;
    }
}

int strategy_plan_complete(struct strategy_plan *plan, char ret_problem[STRATEGY_PROBLEM_LEN])
{
    struct strategy_text problem = {.bytes = ret_problem, .size = STRATEGY_PROBLEM_LEN};
    struct strategy_own_steps own = {.count = plan->step_count};
    const char **words[] = {&plan->from, &plan->to, &plan->from_build, &plan->to_build};

    assert(plan->step_count <= STRATEGY_OWN_STEPS_MAX);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (*words[i] == NULL)
            *words[i] = "";
    for (uint32_t i = 0; i < own.count; i++) {
        own.steps[i] = plan->steps[i];
        complete_step(plan, &own.steps[i]);
    }
    plan->step_count = 0;
    if (!check_numbers(plan, &problem) || !strategy_check_own(plan, &own, &problem) ||
        !strategy_kind_of(plan)->complete(plan, &own, &problem) ||
        !strategy_check_data(plan, &own, &problem))
        return -EINVAL;
    return 0;
}
