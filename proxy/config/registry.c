#include "proxy/config/registry.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int px_registry_new(const struct px_registry_ops *ops, struct px_registry **ret_registry)
{
    struct px_registry *registry = calloc(1, sizeof(*registry));
    if (!registry) {
        return -ENOMEM;
    }
    if (ops) {
        registry->ops = *ops;
    }
    *ret_registry = registry;
    return 0;
}

void px_registry_free(struct px_registry *registry)
{
    if (!registry) {
        return;
    }
    assert(registry->endpoint_count == 0 && !registry->keys); /* a snapshot is still alive */
    px_registry_forget(registry, 0, 0);
    free(registry);
}

uint32_t px_registry_endpoint_count(const struct px_registry *registry)
{
    return registry->endpoint_count;
}

struct px_endpoint *px_registry_endpoint(const struct px_registry *registry, uint32_t i)
{
    for (uint32_t slot = 0; slot < PX_ENDPOINTS_MAX; slot++) {
        if (registry->endpoints[slot] && i-- == 0) {
            return registry->endpoints[slot];
        }
    }
    return NULL;
}

const char *px_registry_rule_name(const struct px_registry *registry, uint32_t stat)
{
    return stat < registry->rule_name_count ? registry->rule_names[stat] : NULL;
}

const char *px_registry_version_name(const struct px_registry *registry, uint32_t stat)
{
    return stat < registry->version_name_count ? registry->version_names[stat] : NULL;
}

/* --- endpoints -------------------------------------------------------------------------------- */

static bool has_address(const struct px_endpoint *endpoint, const struct px_address *address)
{
    return memcmp(&endpoint->address.sa, &address->sa, sizeof(address->sa)) == 0;
}

static bool is_same(const struct px_endpoint *endpoint, const char *label,
                    const struct px_address *address)
{
    return has_address(endpoint, address) && strcmp(endpoint->label, label) == 0;
}

static bool is_of_version(const struct px_endpoint *endpoint, const char *version)
{
    size_t len = strlen(version); /* a version's name has no '/' */
    return strncmp(endpoint->label, version, len) == 0 && endpoint->label[len] == '/';
}

/* An endpoint that only moved in the list is still the process that was probed and drained. */
static void inherit(const struct px_registry *registry, struct px_endpoint *endpoint,
                    const char *version)
{
    for (uint32_t slot = 0; slot < PX_ENDPOINTS_MAX; slot++) {
        struct px_endpoint *other = registry->endpoints[slot];
        if (other && is_of_version(other, version) && has_address(other, &endpoint->address)) {
            endpoint->up = atomic_load(&other->up);
            endpoint->probed = atomic_load(&other->probed);
            endpoint->up_since_ms = atomic_load(&other->up_since_ms);
            endpoint->mode = atomic_load(&other->mode);
            return;
        }
    }
}

static int add_endpoint(struct px_registry *registry, const char *version, uint32_t index,
                        const struct px_address *address, struct px_endpoint **ret_endpoint)
{
    if (registry->endpoint_count == PX_ENDPOINTS_MAX) {
        return -E2BIG;
    }
    uint32_t number = 0;
    int r = px_registry_version_number(registry, version, &number);
    if (r < 0) {
        return r;
    }
    struct px_endpoint *endpoint = calloc(1, sizeof(*endpoint));
    char *text = tn_str_dup(tn_str_of(address->text));
    if (!endpoint || !text) {
        free(endpoint);
        free(text);
        return -ENOMEM;
    }
    while (registry->endpoints[registry->next_slot]) {
        registry->next_slot = (registry->next_slot + 1) % PX_ENDPOINTS_MAX;
    }
    endpoint->address = (struct px_address){.text = text, .sa = address->sa};
    (void)snprintf(endpoint->label, sizeof(endpoint->label), "%s/%u", version, index);
    endpoint->slot = registry->next_slot;
    endpoint->id = ++registry->next_id;
    endpoint->index = index;
    endpoint->version = number;
    endpoint->references = 1;
    inherit(registry, endpoint, version);
    registry->endpoints[endpoint->slot] = endpoint;
    registry->endpoint_count++;
    registry->next_slot = (endpoint->slot + 1) % PX_ENDPOINTS_MAX;
    *ret_endpoint = endpoint;
    return 0;
}

int px_registry_take_endpoint(struct px_registry *registry, const char *version, uint32_t index,
                              const struct px_address *address, struct px_endpoint *hint,
                              struct px_endpoint **ret_endpoint)
{
    char label[sizeof(hint->label)];
    (void)snprintf(label, sizeof(label), "%s/%u", version, index);
    struct px_endpoint *found = hint && is_same(hint, label, address) ? hint : NULL;
    for (uint32_t slot = 0; !found && slot < PX_ENDPOINTS_MAX; slot++) {
        struct px_endpoint *other = registry->endpoints[slot];
        found = other && is_same(other, label, address) ? other : NULL;
    }
    if (!found) {
        return add_endpoint(registry, version, index, address, ret_endpoint);
    }
    found->references++;
    *ret_endpoint = found;
    return 0;
}

void px_registry_give_endpoint(struct px_registry *registry, struct px_endpoint *endpoint)
{
    assert(endpoint->references > 0);
    if (--endpoint->references > 0) {
        return;
    }
    registry->endpoints[endpoint->slot] = NULL;
    registry->endpoint_count--;
    free(endpoint->address.text);
    free(endpoint);
}

/* --- counter numbers -------------------------------------------------------------------------- */

static int number_of(char **names, uint32_t *count, uint32_t max, const char *name,
                     uint32_t *ret_number)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (strcmp(names[i], name) == 0) {
            *ret_number = i;
            return 0;
        }
    }
    if (*count == max) {
        return -E2BIG;
    }
    names[*count] = tn_str_dup(tn_str_of(name));
    if (!names[*count]) {
        return -ENOMEM;
    }
    *ret_number = (*count)++;
    return 0;
}

int px_registry_rule_number(struct px_registry *registry, const char *name, uint32_t *ret_number)
{
    return number_of(registry->rule_names, &registry->rule_name_count, PX_RULES_MAX, name,
                     ret_number);
}

int px_registry_version_number(struct px_registry *registry, const char *name, uint32_t *ret_number)
{
    return number_of(registry->version_names, &registry->version_name_count, PX_VERSIONS_MAX, name,
                     ret_number);
}

void px_registry_forget(struct px_registry *registry, uint32_t rule_count, uint32_t version_count)
{
    while (registry->rule_name_count > rule_count) {
        free(registry->rule_names[--registry->rule_name_count]);
    }
    while (registry->version_name_count > version_count) {
        free(registry->version_names[--registry->version_name_count]);
    }
}

/* --- cookie keys ------------------------------------------------------------------------------ */

static int add_keys(struct px_registry *registry, const struct px_config *config, const char *path,
                    char **ret_why, struct px_registry_keys **ret_entry)
{
    struct px_cookie_keys *keys = NULL;
    if (!registry->ops.load_keys) {
        return -ENOTSUP;
    }
    struct px_registry_keys *entry = calloc(1, sizeof(*entry));
    char *copy = tn_str_dup(tn_str_of(path));
    int r = entry && copy ? registry->ops.load_keys(path, ret_why, &keys) : -ENOMEM;
    if (r < 0) {
        free(entry);
        free(copy);
        return r;
    }
    *entry = (struct px_registry_keys){
        .next = registry->keys, .path = copy, .config = config, .keys = keys};
    registry->keys = entry;
    *ret_entry = entry;
    return 0;
}

int px_registry_take_keys(struct px_registry *registry, const struct px_config *config,
                          const char *path, char **ret_why, const struct px_cookie_keys **ret_keys)
{
    struct px_registry_keys *entry = registry->keys;
    while (entry && (entry->config != config || strcmp(entry->path, path) != 0)) {
        entry = entry->next;
    }
    int r = entry ? 0 : add_keys(registry, config, path, ret_why, &entry);
    if (r < 0) {
        return r;
    }
    entry->references++;
    *ret_keys = entry->keys;
    return 0;
}

void px_registry_give_keys(struct px_registry *registry, const struct px_cookie_keys *keys)
{
    struct px_registry_keys **link = &registry->keys;
    while ((*link)->keys != keys) {
        link = &(*link)->next;
    }
    struct px_registry_keys *entry = *link;
    if (--entry->references > 0) {
        return;
    }
    *link = entry->next;
    registry->ops.free_keys(entry->keys);
    free(entry->path);
    free(entry);
}
