#include "strategies/updates/text.h"

static void say_char(struct strategy_text *text, char byte)
{
    if (text->len + 1 < text->size) {
        text->bytes[text->len] = byte;
        text->bytes[text->len + 1] = '\0';
    }
    text->len++;
}

void strategy_say(struct strategy_text *text, const char *words)
{
    if (text->len == 0 && text->size > 0)
        text->bytes[0] = '\0';
    for (; words != NULL && *words != '\0'; words++)
        say_char(text, *words);
}

void strategy_say_number(struct strategy_text *text, uint64_t number)
{
    char digits[20];
    size_t count = 0;

    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (count > 0)
        say_char(text, digits[--count]);
}

void strategy_say_count(struct strategy_text *text, uint64_t number, const char *noun)
{
    strategy_say_number(text, number);
    strategy_say(text, " ");
    strategy_say(text, noun);
    if (number != 1)
        strategy_say(text, "s");
}

void strategy_say_ms(struct strategy_text *text, uint64_t ms)
{
    static const struct {
        uint64_t ms;
        const char *word;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    size_t i = 0;

    /* the largest in which it is whole; 0 is 0s */
    while (i < 4 && (ms % units[i].ms != 0 || (ms == 0 && i < 3)))
        i++;
    strategy_say_number(text, ms / units[i].ms);
    strategy_say(text, units[i].word);
}

void strategy_say_ppm(struct strategy_text *text, uint32_t ppm)
{
    uint32_t rest = ppm % 10000;
    uint32_t place = 1000;

    strategy_say_number(text, ppm / 10000);
    if (rest > 0)
        strategy_say(text, ".");
    for (; rest > 0; rest %= place, place /= 10)
        strategy_say_number(text, rest / place);
    strategy_say(text, " %");
}
