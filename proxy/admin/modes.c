#include "proxy/admin/change.h"

void px_unbound_apply(const json_t *unbound, struct px_snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->rule_count; i++) {
        struct px_snapshot_rule *rule = &snapshot->rules[i];
        json_int_t since = json_integer_value(json_object_get(unbound, rule->rule->name));

        rule->binding_mask = since > 0 ? strategy_mix((uint64_t)since) : 0;
    }
}
