/* Alarm: see alarm.h. */
#include "alarm.h"

#include "client_internal.h"
#include "include/TIMCloudDef.h"

/* In a list by their times. */
struct tm_alarm {
    tm_alarm *next;
    uint64_t at;       /* tm_clock_ms */
    tm_letter *letter; /* owned */
};

int32_t tm_client_after(tm_client *client, uint64_t ms, void *token, tm_error *err)
{
    tm_alarm *alarm = tm_calloc(1, sizeof *alarm);
    tm_letter *letter = alarm ? tm_letter_new(TM_LETTER_RESULT, NULL, NULL) : NULL;
    if (!letter) {
        tm_free(alarm);
        return tm_fail_memory(err);
    }
    uint64_t now = tm_world_ms(client->world);
    letter->token = token;
    alarm->letter = letter;
    alarm->at = ms < UINT64_MAX - now ? now + ms : UINT64_MAX;
    pthread_mutex_lock(&client->lock);
    bool closed = client->closed;
    if (!closed) {
        tm_alarm **place = &client->alarms;
        while (*place && (*place)->at <= alarm->at)
            place = &(*place)->next;
        alarm->next = *place;
        *place = alarm;
        tm_client_wake_worker(client);
    }
    pthread_mutex_unlock(&client->lock);
    if (!closed) return 0;
    tm_letter_free(letter);
    tm_free(alarm);
    return tm_fail(err, TIM_ERR_SDKUNINIT, "the client is closed");
}

uint64_t tm_alarm_next(tm_client *client)
{
    pthread_mutex_lock(&client->lock);
    uint64_t at = client->alarms ? client->alarms->at : 0;
    pthread_mutex_unlock(&client->lock);
    return at;
}

static tm_letter *take(tm_client *client, uint64_t until)
{
    pthread_mutex_lock(&client->lock);
    tm_alarm *alarm = client->alarms;
    if (alarm && alarm->at <= until)
        client->alarms = alarm->next;
    else
        alarm = NULL;
    pthread_mutex_unlock(&client->lock);
    tm_letter *letter = alarm ? alarm->letter : NULL;
    tm_free(alarm);
    return letter;
}

bool tm_alarm_ring(tm_client *client)
{
    tm_letter *letter;
    bool any = false;
    for (; (letter = take(client, tm_world_ms(client->world))); any = true)
        tm_mailbox_put(client->mailbox, letter);
    return any;
}

void tm_alarm_cancel(tm_client *client)
{
    tm_letter *letter;
    while ((letter = take(client, UINT64_MAX))) {
        letter->code = ERR_USER_CANCELED;
        char *desc = tm_strdup("cancelled: the client was closed");
        if (desc) tm_free(letter->desc);
        if (desc) letter->desc = desc;
        tm_mailbox_put(client->mailbox, letter);
    }
}
