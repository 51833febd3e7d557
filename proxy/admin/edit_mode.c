#include "proxy/admin/edit.h"
#include "proxy/admin/modes.h"

#include "lib/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS 30000
#define TIMEOUT_MAX_MS 86400000

struct mode_edit {
    struct px_edit *edit;
    enum strategy_mode mode;
    const char *version;
    uint32_t index;
    bool is_endpoint;
    char name[PX_MODE_NAME_SIZE]; /* "green" or "green/1" */
    json_int_t timeout_ms;
    bool abort_open;
};

/* --- what is asked -----------------------------------------------------------------------------
 */

static int refuse_version(struct px_edit *edit, const char *name)
{
    size_t used;
    const char *version;
    json_t *list;
    const char *comma = "";

    px_edit_refuse(edit, "there is no version '%.64s': the versions are", name);
    used = strlen(edit->detail);
    json_object_foreach(edit->addresses, version, list)
    {
        int len =
            snprintf(edit->detail + used, sizeof(edit->detail) - used, "%s %.64s", comma, version);

        if (len < 0 || (size_t)len >= sizeof(edit->detail) - used)
            break;
        used += (size_t)len;
        comma = ",";
    }
    return -EINVAL;
}

static int read_target(struct mode_edit *mode)
{
    struct px_edit *edit = mode->edit;
    const json_t *index = json_object_get(edit->request, "endpoint");
    const json_t *list;
    int error = px_edit_text(edit, "version", &mode->version);

    if (error)
        return error;
    list = json_object_get(edit->addresses, mode->version);
    if (!list)
        return refuse_version(edit, mode->version);
    snprintf(mode->name, sizeof(mode->name), "%.128s", mode->version);
    if (!index)
        return 0;
    if (!json_is_integer(index) || json_integer_value(index) < 0 ||
        json_integer_value(index) >= (json_int_t)json_array_size(list))
        return px_edit_refuse(edit, "'endpoint' must be a number: %.64s has %s0 to %zu",
                              mode->version, json_array_size(list) == 1 ? "only " : "",
                              json_array_size(list) - 1);
    mode->is_endpoint = true;
    mode->index = (uint32_t)json_integer_value(index);
    px_mode_endpoint_name(mode->version, mode->index, mode->name);
    return 0;
}

static int read_how(struct mode_edit *mode)
{
    struct px_edit *edit = mode->edit;
    const json_t *timeout = json_object_get(edit->request, "timeout_ms");
    const json_t *abort_open = json_object_get(edit->request, "abort_open");
    const char *word;
    int error = px_edit_text(edit, "mode", &word);

    if (error)
        return error;
    mode->mode = STRATEGY_ACTIVE;
    while (strcmp(word, px_mode_word(mode->mode)) != 0) {
        if (mode->mode == STRATEGY_CUT)
            return px_edit_refuse(edit, "'mode' must be active, draining or cut");
        mode->mode++;
    }
    mode->timeout_ms = timeout ? json_integer_value(timeout) : TIMEOUT_MS;
    if (timeout && mode->mode != STRATEGY_DRAINING)
        return px_edit_refuse(edit, "'timeout_ms' is for draining");
    if (timeout &&
        (!json_is_integer(timeout) || mode->timeout_ms < 0 || mode->timeout_ms > TIMEOUT_MAX_MS))
        return px_edit_refuse(edit, "'timeout_ms' must be a whole number, 0 to %d (a day)",
                              TIMEOUT_MAX_MS);
    if (abort_open && !json_is_boolean(abort_open))
        return px_edit_refuse(edit, "'abort_open' must be true or false");
    mode->abort_open = json_is_true(abort_open);
    if (mode->abort_open && mode->mode != STRATEGY_CUT)
        return px_edit_refuse(edit, "'abort_open' is for cut");
    return 0;
}

/* --- what it does to the rules ------------------------------------------------------------------
 */

static bool is_open(const struct px_edit *edit, const char *version)
{
    return px_mode_of_version(edit->modes, edit->addresses, version) == STRATEGY_ACTIVE;
}

static bool has_other_taker(const struct px_edit *edit, const json_t *rule)
{
    const char *version;
    json_t *weight;

    json_object_foreach(json_object_get(rule, "weights"), version, weight)
    {
        if (json_integer_value(weight) > 0 && is_open(edit, version))
            return true;
    }
    return false;
}

/* Whoever takes a version out should hear where its requests go, if not simply to the others. */
static void note_rule(struct mode_edit *mode, const json_t *rule)
{
    struct px_edit *edit = mode->edit;
    const char *name = json_string_value(json_object_get(rule, "name"));
    const char *stable = json_string_value(json_object_get(rule, "stable"));
    const char *who =
        px_mode_of_version(edit->modes, edit->addresses, mode->version) == STRATEGY_CUT
            ? "requests"
            : "new users";

    if (json_integer_value(json_object_get(json_object_get(rule, "weights"), mode->version)) <= 0 ||
        json_is_true(json_object_get(rule, "switched_off")) || has_other_taker(edit, rule))
        return;
    if (stable && is_open(edit, stable))
        px_edit_note(edit, "the %s of rule %.64s go to its stable, %.64s", who, name, stable);
    else if (json_object_get(rule, "match"))
        px_edit_note(edit, "the %s of rule %.64s go on to the rules below it", who, name);
    else
        px_edit_note(edit, "the %s of rule %.64s are refused (503): it has no other version", who,
                     name);
}

/* A version and its endpoints have modes of their own: one of them alone may not be enough. */
static void note_what_stays(struct mode_edit *mode)
{
    struct px_edit *edit = mode->edit;
    size_t count = json_array_size(json_object_get(edit->addresses, mode->version));
    enum strategy_mode own = px_mode_of(edit->modes, mode->version);
    char name[PX_MODE_NAME_SIZE];

    if (mode->is_endpoint && own != STRATEGY_ACTIVE)
        px_edit_note(edit, "version %.64s is still %s", mode->version, px_mode_word(own));
    for (uint32_t i = 0; !mode->is_endpoint && i < count; i++) {
        own = px_mode_of(edit->modes, px_mode_endpoint_name(mode->version, i, name));
        if (own != STRATEGY_ACTIVE)
            px_edit_note(edit, "%s is still %s", name, px_mode_word(own));
    }
}

static void note_effect(struct mode_edit *mode)
{
    size_t i;
    json_t *rule;

    if (mode->mode == STRATEGY_ACTIVE) {
        note_what_stays(mode);
        return;
    }
    if (is_open(mode->edit, mode->version))
        return; /* its other endpoints go on */
    json_array_foreach(mode->edit->rules, i, rule)
    {
        note_rule(mode, rule);
    }
}

/* --- the change --------------------------------------------------------------------------------
 */

static int set_entry(struct mode_edit *mode)
{
    struct px_edit *edit = mode->edit;
    json_t *entry = json_pack("{s:s}", "mode", px_mode_word(mode->mode));
    char until[TN_RFC3339_SIZE];
    int error = entry ? 0 : -ENOMEM;

    if (!error && mode->mode == STRATEGY_DRAINING) {
        tn_clock_rfc3339(edit->wall_ns + (uint64_t)mode->timeout_ms * 1000000, until);
        error = px_edit_set(entry, "until", json_string(until));
        if (!error)
            error = px_edit_set(entry, "timeout_ms", json_integer(mode->timeout_ms));
    }
    if (!error && mode->is_endpoint)
        error = px_edit_set(entry, "address",
                            json_incref(json_array_get(
                                json_object_get(edit->addresses, mode->version), mode->index)));
    if (!error)
        error = px_edit_set(edit->modes, mode->name, json_incref(entry));
    json_decref(entry);
    return error;
}

static int set_mode(struct mode_edit *mode)
{
    struct px_edit *edit = mode->edit;
    enum strategy_mode before = px_mode_of(edit->modes, mode->name);

    if (mode->mode == STRATEGY_ACTIVE) {
        json_object_del(edit->modes, mode->name);
        return 0;
    }
    if (mode->mode == STRATEGY_DRAINING && before == STRATEGY_CUT)
        return px_edit_refuse(edit, "%s is cut: nobody is left there to drain", mode->name);
    if (mode->mode == STRATEGY_CUT && before == STRATEGY_CUT)
        return 0;
    return set_entry(mode);
}

int px_edit_mode(struct px_edit *edit)
{
    static const char *const members[] = {"version",    "endpoint",   "mode",
                                          "timeout_ms", "abort_open", NULL};
    struct mode_edit mode = {.edit = edit};
    int error = px_edit_check_members(edit, members);

    if (!error && json_object_get(edit->request, "rule"))
        error = px_edit_refuse(edit, "'rule' has no meaning here: a mode is of a version");
    if (!error)
        error = read_target(&mode);
    if (!error)
        error = read_how(&mode);
    if (!error)
        error = set_mode(&mode);
    if (!error && mode.abort_open)
        error = json_array_append_new(edit->closing, json_string(mode.name)) == 0 ? 0 : -ENOMEM;
    if (!error)
        note_effect(&mode);
    return error;
}

int px_edit_drained(struct px_edit *edit)
{
    json_t *modes = json_object_get(edit->request, "modes");
    const char *name;
    json_t *until;

    json_object_foreach(modes, name, until)
    {
        json_t *entry = json_object_get(edit->modes, name);
        const char *now = px_mode_until(edit->modes, name);

        if (!now || strcmp(now, json_string_value(until)) != 0)
            continue; /* somebody was faster */
        if (px_edit_set(entry, "mode", json_string(px_mode_word(STRATEGY_CUT))) != 0 ||
            json_array_append_new(edit->closing, json_string(name)) != 0)
            return -ENOMEM;
        json_object_del(entry, "until");
        json_object_del(entry, "timeout_ms");
    }
    return 0;
}
