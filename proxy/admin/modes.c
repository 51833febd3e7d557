#include "proxy/admin/modes.h"

#include "strategies/traffic/modes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const words[] = {"active", "draining", "cut"};

const char *px_mode_word(enum strategy_mode mode)
{
    return words[mode];
}

enum strategy_mode px_mode_of(const json_t *modes, const char *name)
{
    const char *word = json_string_value(json_object_get(json_object_get(modes, name), "mode"));

    for (unsigned i = 0; word && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i]) == 0)
            return i;
    }
    return STRATEGY_ACTIVE;
}

char *px_mode_endpoint_name(const char *version, uint32_t index, char buffer[PX_MODE_NAME_SIZE])
{
    snprintf(buffer, PX_MODE_NAME_SIZE, "%.128s/%u", version, index);
    return buffer;
}

enum strategy_mode px_mode_of_version(const json_t *modes, const json_t *addresses,
                                      const char *version)
{
    size_t count = json_array_size(json_object_get(addresses, version));
    enum strategy_mode mildest = count > 0 ? STRATEGY_CUT : STRATEGY_ACTIVE;
    char name[PX_MODE_NAME_SIZE];

    for (uint32_t i = 0; i < count; i++) {
        enum strategy_mode mode = px_mode_of(modes, px_mode_endpoint_name(version, i, name));

        mildest = mode < mildest ? mode : mildest;
    }
    return strategy_version_mode(px_mode_of(modes, version), mildest, true);
}

const char *px_mode_until(const json_t *modes, const char *name)
{
    return json_string_value(json_object_get(json_object_get(modes, name), "until"));
}

json_t *px_addresses_of(const struct px_config *config)
{
    json_t *addresses = json_object();

    for (uint32_t i = 0; addresses && i < config->version_count; i++) {
        const struct px_version *version = &config->versions[i];
        json_t *list = json_array();

        for (uint32_t k = 0; list && k < version->endpoint_count; k++) {
            if (json_array_append_new(list, json_string(version->endpoints[k].text)) != 0) {
                json_decref(list);
                list = NULL;
            }
        }
        if (!list || json_object_set_new(addresses, version->name, list) != 0) {
            json_decref(addresses);
            return NULL;
        }
    }
    return addresses;
}

bool px_time_parse(const char *text, uint64_t *ret_wall_ns)
{
    struct tm tm = {0};
    const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
    unsigned ms = 0;

    if (!rest)
        return false;
    if (*rest == '.') {
        for (unsigned i = 1; i <= 3; i++) {
            if (rest[i] < '0' || rest[i] > '9')
                return false;
            ms = ms * 10 + (unsigned)(rest[i] - '0');
        }
        rest += 4;
    }
    if (strcmp(rest, "Z") != 0)
        return false;
    *ret_wall_ns = ((uint64_t)timegm(&tm) * 1000 + ms) * 1000000;
    return true;
}

/* --- from a store, through a reload -------------------------------------------------------------
 */

static bool makes_sense(const char *name, const json_t *entry)
{
    const char *word = json_string_value(json_object_get(entry, "mode"));
    const json_t *timeout = json_object_get(entry, "timeout_ms");
    uint64_t until;

    if (!word || strlen(name) >= PX_MODE_NAME_SIZE)
        return false;
    if (strcmp(word, px_mode_word(STRATEGY_CUT)) == 0)
        return true;
    return strcmp(word, px_mode_word(STRATEGY_DRAINING)) == 0 && json_is_integer(timeout) &&
           json_integer_value(timeout) >= 0 &&
           px_time_parse(json_string_value(json_object_get(entry, "until")), &until);
}

json_t *px_modes_parse(const json_t *said)
{
    json_t *modes = json_object();
    const char *name;
    json_t *entry;

    json_object_foreach((json_t *)(uintptr_t)said, name, entry)
    {
        if (makes_sense(name, entry) &&
            (!modes || json_object_set_new(modes, name, json_deep_copy(entry)) != 0)) {
            json_decref(modes);
            return NULL;
        }
    }
    return modes;
}

static int note(json_t *notes, const char *name, const json_t *entry, const char *what)
{
    json_t *text = json_sprintf("%s, which is %s, %s", name,
                                json_string_value(json_object_get(entry, "mode")), what);

    return text && json_array_append_new(notes, text) == 0 ? 0 : -ENOMEM;
}

/* Where an address is in a list, or its length. */
static size_t find_address(const json_t *list, const char *address)
{
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        if (address && strcmp(json_string_value(item), address) == 0)
            break;
    }
    return i;
}

static int fit_endpoint(json_t *fitted, const json_t *addresses, const char *name, json_t *entry,
                        json_t *notes)
{
    const char *slash = strrchr(name, '/');
    char version[PX_MODE_NAME_SIZE];
    char other[PX_MODE_NAME_SIZE];
    unsigned long index = strtoul(slash + 1, NULL, 10);
    const json_t *list;
    size_t place;
    json_t *copy;

    snprintf(version, sizeof(version), "%.*s", (int)(slash - name), name);
    list = json_object_get(addresses, version);
    place = find_address(list, json_string_value(json_object_get(entry, "address")));
    if (place == json_array_size(list)) {
        if (index >= json_array_size(list))
            return note(notes, name, entry, "is gone");
        place = index;
        if (note(notes, name, entry, "has another address now and stays so") != 0)
            return -ENOMEM;
    }
    px_mode_endpoint_name(version, (uint32_t)place, other);
    copy = json_copy(entry);
    if (!copy || json_object_set(copy, "address", json_array_get(list, place)) != 0 ||
        json_object_set(fitted, other, copy) != 0) {
        json_decref(copy);
        return -ENOMEM;
    }
    json_decref(copy);
    return 0;
}

json_t *px_modes_fit(const json_t *modes, const json_t *addresses, json_t *notes)
{
    json_t *fitted = json_object();
    const char *name;
    json_t *entry;
    int error = fitted ? 0 : -ENOMEM;

    json_object_foreach((json_t *)(uintptr_t)modes, name, entry)
    {
        if (error)
            break;
        if (strchr(name, '/'))
            error = fit_endpoint(fitted, addresses, name, entry, notes);
        else if (json_object_get(addresses, name))
            error = json_object_set(fitted, name, entry) == 0 ? 0 : -ENOMEM;
        else
            error = note(notes, name, entry, "is gone");
    }
    if (!error)
        return fitted;
    json_decref(fitted);
    return NULL;
}

int px_modes_expire(json_t *modes, uint64_t wall_ns)
{
    int expired = 0;
    const char *name;
    json_t *entry;

    json_object_foreach(modes, name, entry)
    {
        uint64_t until;

        if (!px_time_parse(px_mode_until(modes, name), &until) || until > wall_ns)
            continue;
        if (json_object_set_new(entry, "mode", json_string(px_mode_word(STRATEGY_CUT))) != 0)
            return -ENOMEM;
        json_object_del(entry, "until");
        json_object_del(entry, "timeout_ms");
        expired = 1;
    }
    return expired;
}

/* --- into a snapshot ----------------------------------------------------------------------------
 */

static void apply_version(const json_t *modes, struct px_snapshot_version *version)
{
    enum strategy_mode mildest = version->endpoint_count > 0 ? STRATEGY_CUT : STRATEGY_ACTIVE;
    enum strategy_mode own = px_mode_of(modes, version->name);
    char name[PX_MODE_NAME_SIZE];

    for (uint32_t i = 0; i < version->endpoint_count; i++) {
        struct px_endpoint *endpoint = version->endpoints[i];
        enum strategy_mode mode =
            px_mode_of(modes, px_mode_endpoint_name(version->name, endpoint->index, name));

        atomic_store(&endpoint->mode, mode);
        mildest = mode < mildest ? mode : mildest;
    }
    version->mode = strategy_version_mode(own, mildest, true);
    version->loose_mode = strategy_version_mode(own, mildest, false);
}

void px_modes_apply(const json_t *modes, struct px_snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->version_count; i++)
        apply_version(modes, &snapshot->versions[i]);
    for (uint32_t i = 0; i < snapshot->rule_count; i++) {
        struct px_snapshot_rule *rule = &snapshot->rules[i];

        rule->is_restricted = false;
        for (uint32_t k = 0; k < rule->version_count; k++) {
            if (snapshot->versions[rule->versions[k]].loose_mode != STRATEGY_ACTIVE)
                rule->is_restricted = true;
        }
    }
}

void px_unbound_apply(const json_t *unbound, struct px_snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->rule_count; i++) {
        struct px_snapshot_rule *rule = &snapshot->rules[i];
        json_int_t since = json_integer_value(json_object_get(unbound, rule->rule->name));

        rule->binding_mask = since > 0 ? strategy_mix((uint64_t)since) : 0;
    }
}

bool px_mode_select(const struct px_snapshot *snapshot, const char *name,
                    struct px_selection *ret_selection)
{
    char version[PX_MODE_NAME_SIZE];
    const char *slash = strchr(name, '/');
    uint32_t number;

    snprintf(version, sizeof(version), "%.*s", slash ? (int)(slash - name) : (int)strlen(name),
             name);
    number = px_snapshot_find_version(snapshot, version);
    if (number == STRATEGY_NONE)
        return false;
    *ret_selection = (struct px_selection){.version = snapshot->versions[number].stat,
                                           .endpoint = PX_ANY_ENDPOINT};
    if (slash) {
        unsigned long index = strtoul(slash + 1, NULL, 10);

        if (index >= snapshot->versions[number].endpoint_count)
            return false;
        ret_selection->endpoint = snapshot->versions[number].endpoints[index]->id;
    }
    return true;
}
