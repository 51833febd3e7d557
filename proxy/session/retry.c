#include "proxy/session/retry.h"

enum px_retry px_retry_decide(const struct px_retry_question *question)
{
    if (question->tries >= question->tries_max)
        return PX_RETRY_COUNT;
    if (!question->is_connected)
        return PX_RETRY_CONNECT; /* nothing was sent: any method may go elsewhere */
    if (!question->is_reused || question->has_answer_bytes || question->has_retried_reused)
        return PX_RETRY_COUNT;
    if (!question->is_idempotent || question->has_body)
        return PX_RETRY_COUNT;
    return PX_RETRY_REUSED;
}

void px_retry_budget_init(struct px_retry_budget *budget)
{
    budget->tenths = PX_RETRY_BUDGET_FLOOR;
}

void px_retry_budget_add_request(struct px_retry_budget *budget)
{
    if (budget->tenths < PX_RETRY_BUDGET_CEILING)
        budget->tenths += PX_RETRY_BUDGET_DEPOSIT;
}

void px_retry_budget_add_second(struct px_retry_budget *budget)
{
    if (budget->tenths < PX_RETRY_BUDGET_FLOOR)
        budget->tenths = PX_RETRY_BUDGET_FLOOR;
}

bool px_retry_budget_take(struct px_retry_budget *budget)
{
    if (budget->tenths < PX_RETRY_BUDGET_PRICE)
        return false;
    budget->tenths -= PX_RETRY_BUDGET_PRICE;
    return true;
}
