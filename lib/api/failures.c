#include "lib/api/failures.h"

#include <netinet/in.h>
#include <string.h>

static void key_of(const struct sockaddr_storage *address, uint8_t key[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    memset(key, 0, 16);
    if (address->ss_family == AF_INET6) {
        memcpy(key, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
    } else if (address->ss_family == AF_INET) {
        memcpy(key, mapped, sizeof(mapped));
        memcpy(key + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    }
}

static void work_off(struct tn_failures_debt *debt, uint64_t now_ms)
{
    uint64_t passed = now_ms - debt->at_ms;

    debt->owed_ms = passed < debt->owed_ms ? debt->owed_ms - passed : 0;
    debt->at_ms = now_ms;
}

/* How long until one more fits, 0: it does. */
static uint64_t wait_of(const struct tn_failures_debt *debt, uint64_t burst, uint64_t each_ms)
{
    uint64_t after = debt->owed_ms + each_ms;

    return after > burst * each_ms ? after - burst * each_ms : 0;
}

/* Its own place, or that of the address that failed longest ago. */
static struct tn_failures_debt *find(struct tn_failures *failures, const uint8_t key[16])
{
    size_t place = 0;

    for (size_t i = 0; i < TN_FAILURES_MAX; i++) {
        if (memcmp(failures->each[i].address, key, 16) == 0)
            return &failures->each[i].debt;
        if (failures->each[i].debt.at_ms < failures->each[place].debt.at_ms)
            place = i;
    }
    memcpy(failures->each[place].address, key, 16);
    failures->each[place].debt = (struct tn_failures_debt){0};
    return &failures->each[place].debt;
}

uint64_t tn_failures_add(struct tn_failures *failures, const struct sockaddr_storage *address,
                         uint64_t now_ms)
{
    uint8_t key[16];
    struct tn_failures_debt *own;
    uint64_t own_ms;
    uint64_t all_ms;

    key_of(address, key);
    own = find(failures, key);
    work_off(own, now_ms);
    work_off(&failures->all, now_ms);
    own_ms = wait_of(own, TN_FAILURES_BURST, TN_FAILURES_EACH_MS);
    all_ms = wait_of(&failures->all, TN_FAILURES_ALL_BURST, TN_FAILURES_ALL_EACH_MS);
    if (own_ms > 0 || all_ms > 0)
        return own_ms > all_ms ? own_ms : all_ms;
    own->owed_ms += TN_FAILURES_EACH_MS;
    failures->all.owed_ms += TN_FAILURES_ALL_EACH_MS;
    return 0;
}
