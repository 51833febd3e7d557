/*
 * registry: endpoints, counter numbers and cookie keys that outlive snapshots.
 *
 * Private to proxy/config; snapshot.h holds what others may call.
 * Shapes: endpoints by slot; names by counter number. Errors: -ENOMEM, -E2BIG, those of load_keys;
 * why is set with each. Ownership: reference counts, touched on the control thread only.
 */
#ifndef PX_CONFIG_REGISTRY_H
#define PX_CONFIG_REGISTRY_H

#include "proxy/config/snapshot.h"

/* A key file as it was when a config was loaded. Lives as long as a snapshot of that config. */
struct px_registry_keys {
    struct px_registry_keys *next;
    char *path;
    const struct px_config *config;
    struct px_cookie_keys *keys;
    uint32_t references;
};

struct px_registry {
    struct px_registry_ops ops;
    struct px_endpoint *endpoints[PX_ENDPOINTS_MAX]; /* by slot; NULL: free */
    uint32_t endpoint_count;
    uint32_t next_slot; /* where the search for a free one starts: a slot rests before it is used
                           again */
    uint64_t next_id;
    char *rule_names[PX_RULES_MAX];
    uint32_t rule_name_count;
    char *version_names[PX_VERSIONS_MAX];
    uint32_t version_name_count;
    struct px_registry_keys *keys;
    uint64_t trials; /* so many were begun */
};

/* hint: where it was last time, or NULL. One reference more. */
int px_registry_take_endpoint(struct px_registry *registry, const char *version, uint32_t index,
                              const struct px_address *address, struct px_endpoint *hint,
                              struct px_endpoint **ret_endpoint);
void px_registry_give_endpoint(struct px_registry *registry, struct px_endpoint *endpoint);

int px_registry_rule_number(struct px_registry *registry, const char *name, uint32_t *ret_number);
int px_registry_version_number(struct px_registry *registry, const char *name,
                               uint32_t *ret_number);

/* Forgets the newest names again: those of a build that failed. */
void px_registry_forget(struct px_registry *registry, uint32_t rule_count, uint32_t version_count);

int px_registry_take_keys(struct px_registry *registry, const struct px_config *config,
                          const char *path, char **ret_why, const struct px_cookie_keys **ret_keys);
void px_registry_give_keys(struct px_registry *registry, const struct px_cookie_keys *keys);

#endif
