#include "engine/update.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * A step in JSON is one of {"share_ppm"}, {"mirror_ppm"}, {"match": {"headers", "cookies"}},
 * {"pause": true}, {"approve": true}, {"test": URL}, {"keep": true}, with what it waits for:
 * for_ms, requests, verdict, goal, person. Reference 0 is the request itself, k its k-th step.
 */

static uint64_t whole(const json_t *object, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(object, name));

    return value > 0 ? (uint64_t)value : 0;
}

static bool flag(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

static struct strategy_evidence evidence_of(const json_t *object, const char *requests)
{
    return (struct strategy_evidence){
        .for_ms = whole(object, "for_ms"),
        .requests = whole(object, requests),
        .verdict = flag(object, "verdict"),
        .goal = flag(object, "goal"),
        .person = flag(object, "person"),
    };
}

static int add(struct strategy_plan *plan, const struct strategy_step *step, char **ret_why)
{
    return strategy_plan_add(plan, step) < 0
               ? en_fail(ret_why, -EINVAL, "more than %d steps", STRATEGY_STEPS_MAX)
               : 0;
}

/* --- presets -----------------------------------------------------------------------------------
 */

/* What is waited for at each share: what was asked for, else a verdict. */
static struct strategy_evidence canary_evidence(const json_t *request)
{
    struct strategy_evidence evidence = evidence_of(request, "after_requests");

    if (evidence.for_ms == 0 && evidence.requests == 0)
        evidence.verdict = true;
    return evidence;
}

static int canary_steps(const json_t *request, struct strategy_plan *plan, char **ret_why)
{
    static const uint32_t usual[] = {10000, 100000, 500000, STRATEGY_ALL_PPM};
    const json_t *shares = json_object_get(request, "shares");
    size_t count = shares ? json_array_size(shares) : sizeof(usual) / sizeof(usual[0]);
    uint64_t last = 0;
    int r = count > 0 ? 0 : en_fail(ret_why, -EINVAL, "'shares' must name at least one share");

    for (size_t i = 0; i < count && r == 0; i++) {
        uint64_t ppm = shares ? (uint64_t)json_integer_value(json_array_get(shares, i)) : usual[i];
        struct strategy_step step = {.kind = STRATEGY_STEP_SHARE, .ppm = (uint32_t)ppm};

        if (ppm <= last || ppm > STRATEGY_ALL_PPM)
            return en_fail(ret_why, -EINVAL, "shares must grow, from above 0 up to 100 %%");
        last = ppm;
        if (ppm < STRATEGY_ALL_PPM)
            step.evidence = canary_evidence(request);
        r = add(plan, &step, ret_why);
    }
    return r;
}

static bool has_match(const json_t *request)
{
    return json_array_size(json_object_get(request, "headers")) > 0 ||
           json_array_size(json_object_get(request, "cookies")) > 0;
}

static int blue_green_steps(const json_t *request, struct strategy_plan *plan, char **ret_why)
{
    struct strategy_step match = {.kind = STRATEGY_STEP_MATCH, .text = "testers"};
    struct strategy_step test = {.kind = STRATEGY_STEP_TEST,
                                 .text = json_string_value(json_object_get(request, "test"))};
    struct strategy_step approve = {.kind = STRATEGY_STEP_APPROVE, .evidence = {.person = true}};
    int r = has_match(request) ? add(plan, &match, ret_why) : 0;

    if (r == 0 && test.text)
        r = add(plan, &test, ret_why);
    if (r == 0 && flag(request, "approve"))
        r = add(plan, &approve, ret_why);
    return r;
}

static int ab_steps(const json_t *request, struct strategy_plan *plan, char **ret_why)
{
    struct strategy_step step = {.kind = STRATEGY_STEP_MATCH,
                                 .evidence = evidence_of(request, "after_requests")};

    if (json_object_get(request, "by")) {
        step.kind = STRATEGY_STEP_SHARE;
        step.ppm = json_object_get(request, "split_ppm") ? (uint32_t)whole(request, "split_ppm")
                                                         : STRATEGY_ALL_PPM / 2;
        if (step.ppm == 0 || step.ppm >= STRATEGY_ALL_PPM)
            return en_fail(ret_why, -EINVAL, "a split must be above 0 and below 100 %%");
    } else if (!has_match(request)) {
        return en_fail(ret_why, -EINVAL,
                       "ab: say who sees the new build: --header, --cookie, or --by");
    }
    step.evidence.goal = json_object_get(request, "metric") != NULL;
    step.evidence.person = true;
    return add(plan, &step, ret_why);
}

static int shadow_steps(const json_t *request, struct strategy_plan *plan, char **ret_why)
{
    struct strategy_step step = {
        .kind = STRATEGY_STEP_MIRROR,
        .ppm = json_object_get(request, "ppm") ? (uint32_t)whole(request, "ppm") : STRATEGY_ALL_PPM,
        .evidence = evidence_of(request, "after_requests")};

    if (step.ppm == 0 || step.ppm > STRATEGY_ALL_PPM)
        return en_fail(ret_why, -EINVAL, "a mirror must be above 0 and up to 100 %%");
    step.evidence.person = true;
    return add(plan, &step, ret_why);
}

/* --- a list of one's own -----------------------------------------------------------------------
 */

static int own_step(const json_t *item, uint32_t number, struct strategy_plan *plan, char **ret_why)
{
    struct strategy_step step = {.reference = number, .evidence = evidence_of(item, "requests")};

    if (json_object_get(item, "share_ppm")) {
        step.kind = STRATEGY_STEP_SHARE;
        step.ppm = (uint32_t)whole(item, "share_ppm");
    } else if (json_object_get(item, "mirror_ppm")) {
        step.kind = STRATEGY_STEP_MIRROR;
        step.ppm = (uint32_t)whole(item, "mirror_ppm");
    } else if (json_is_object(json_object_get(item, "match"))) {
        step.kind = STRATEGY_STEP_MATCH;
    } else if (json_is_string(json_object_get(item, "test"))) {
        step.kind = STRATEGY_STEP_TEST;
        step.text = json_string_value(json_object_get(item, "test"));
    } else if (flag(item, "pause")) {
        step.kind = STRATEGY_STEP_PAUSE;
        step.evidence.person = step.evidence.person || step.evidence.for_ms == 0;
    } else if (flag(item, "approve")) {
        step.kind = STRATEGY_STEP_APPROVE;
        step.evidence.person = true;
    } else if (flag(item, "keep")) {
        step.kind = STRATEGY_STEP_KEEP;
    } else {
        return en_fail(ret_why, -EINVAL,
                       "step %u: expected one of share, mirror, match, pause, approve, test, keep",
                       number);
    }
    if (step.ppm > STRATEGY_ALL_PPM)
        return en_fail(ret_why, -EINVAL, "step %u: more than 100 %%", number);
    return add(plan, &step, ret_why);
}

int en_request_steps(const json_t *request, struct strategy_plan *plan, char **ret_why)
{
    const json_t *steps = json_object_get(request, "steps");
    int r = 0;

    if (plan->kind != STRATEGY_KIND_STEPS && steps)
        return en_fail(ret_why, -EINVAL, "'steps' belongs to a list of steps (update -f)");
    switch (plan->kind) {
    case STRATEGY_KIND_CANARY:
        return canary_steps(request, plan, ret_why);
    case STRATEGY_KIND_BLUE_GREEN:
        return blue_green_steps(request, plan, ret_why);
    case STRATEGY_KIND_AB:
        return ab_steps(request, plan, ret_why);
    case STRATEGY_KIND_SHADOW:
        return shadow_steps(request, plan, ret_why);
    case STRATEGY_KIND_STEPS:
        for (size_t i = 0; i < json_array_size(steps) && r == 0; i++)
            r = own_step(json_array_get(steps, i), (uint32_t)i + 1, plan, ret_why);
        return r;
    default:
        return 0;
    }
}

static const json_t *refer(const json_t *request, uint32_t reference)
{
    return reference == 0 ? request
                          : json_array_get(json_object_get(request, "steps"), reference - 1);
}

json_t *en_request_match(const json_t *request, uint32_t reference)
{
    const json_t *step = refer(request, reference);

    return reference == 0 ? (json_t *)(uintptr_t)step : json_object_get(step, "match");
}

const char *en_request_test(const json_t *request, uint32_t reference)
{
    return json_string_value(json_object_get(refer(request, reference), "test"));
}
