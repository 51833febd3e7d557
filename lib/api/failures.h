/*
 * failures: how often wrong tokens may be shown, by address and by all together.
 *
 * Not for lengthening a search: a token has 256 random bits, and who shows a right one is never
 * asked here, so that nobody locks others out. It bounds what an endless stream of wrong ones costs
 * and writes into the log, and tells whoever tries that he is seen.
 * Shapes: an address has TN_FAILURES_BURST in hand and gets one back each TN_FAILURES_EACH_MS; all
 * together TN_FAILURES_ALL_BURST and one each TN_FAILURES_ALL_EACH_MS. At most TN_FAILURES_MAX
 * addresses are remembered; then the one that failed longest ago is forgotten, and the bound of all
 * still holds. Units: ms of a monotonic clock. Errors: none. Ownership: embedded; zeros are a fresh
 * one. Threads: the loop's. Pure.
 */
#ifndef TN_API_FAILURES_H
#define TN_API_FAILURES_H

#include <stdint.h>
#include <sys/socket.h>

#define TN_FAILURES_BURST 10
#define TN_FAILURES_EACH_MS 6000
#define TN_FAILURES_ALL_BURST 100
#define TN_FAILURES_ALL_EACH_MS 1000
#define TN_FAILURES_MAX 64

/* Owed: failures that were not worked off yet, in ms of waiting, counted at some moment. */
struct tn_failures_debt {
    uint64_t owed_ms;
    uint64_t at_ms;
};

struct tn_failures {
    struct tn_failures_debt all;
    struct {
        uint8_t address[16]; /* IPv4 as ::ffff:… */
        struct tn_failures_debt debt;
    } each[TN_FAILURES_MAX];
};

/* One more failure of this address. 0: it is told so; else it gets "too many", for so many ms. */
uint64_t tn_failures_add(struct tn_failures *failures, const struct sockaddr_storage *address,
                         uint64_t now_ms);

#endif
