/* Alarm: see alarm.h.
 *
 * A treap: a search tree by the alarms' times in which no alarm is lighter than those below it. Weights are as good as random,
 * so that it is as deep as a logarithm of their number, whatever comes and goes. */
#include "alarm.h"

#include "client_internal.h"
#include "include/TIMCloudDef.h"

struct tm_alarm {
    tm_alarm *earlier, *later;
    tm_alarm_id id;
    uint64_t weight;
    tm_letter *letter; /* owned */
};

/* ---- the tree ---- */

static bool is_before(tm_alarm_id one, tm_alarm_id other)
{
    return one.at != other.at ? one.at < other.at : one.serial < other.serial;
}

/* Numbers that follow each other get weights that do not. */
static uint64_t weight_of(uint64_t serial)
{
    serial = (serial ^ serial >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    serial = (serial ^ serial >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return serial ^ serial >> 32;
}

/* What of the tree comes before `id` goes to `*earlier`, the rest to `*later`. */
static void split(tm_alarm *tree, tm_alarm_id id, tm_alarm **earlier, tm_alarm **later)
{
    while (tree) {
        tm_alarm *root = tree;
        if (is_before(root->id, id)) {
            *earlier = root;
            earlier = &root->later;
            tree = root->later;
        } else {
            *later = root;
            later = &root->earlier;
            tree = root->earlier;
        }
    }
    *earlier = *later = NULL;
}

static void insert(tm_alarm **place, tm_alarm *alarm)
{
    while (*place && (*place)->weight >= alarm->weight)
        place = is_before((*place)->id, alarm->id) ? &(*place)->later : &(*place)->earlier;
    split(*place, alarm->id, &alarm->earlier, &alarm->later);
    *place = alarm;
}

/* Takes the alarm at `place` out. */
static tm_alarm *take_out(tm_alarm **place)
{
    tm_alarm *alarm = *place, *earlier = alarm->earlier, *later = alarm->later;
    while (earlier && later) {
        if (earlier->weight >= later->weight) {
            *place = earlier;
            place = &earlier->later;
            earlier = earlier->later;
        } else {
            *place = later;
            place = &later->earlier;
            later = later->earlier;
        }
    }
    *place = earlier ? earlier : later;
    return alarm;
}

/* The place of the next one, or that of none. */
static tm_alarm **find_next(tm_alarm **place)
{
    while (*place && (*place)->earlier)
        place = &(*place)->earlier;
    return place;
}

/* The place of this one, or that of none. */
static tm_alarm **find(tm_alarm **place, tm_alarm_id id)
{
    while (*place && (*place)->id.serial != id.serial)
        place = is_before((*place)->id, id) ? &(*place)->later : &(*place)->earlier;
    return place;
}

/* ---- setting and taking back ---- */

/* Frees the alarm: its letter, which is the caller's. */
static tm_letter *open_up(tm_alarm *alarm)
{
    tm_letter *letter = alarm ? alarm->letter : NULL;
    tm_free(alarm);
    return letter;
}

int32_t tm_client_after(tm_client *client, uint64_t ms, void *token, tm_alarm_id *id, tm_error *err)
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
    alarm->id.at = ms < UINT64_MAX - now ? now + ms : UINT64_MAX;
    pthread_mutex_lock(&client->lock);
    bool closed = client->closed;
    if (!closed) {
        alarm->id.serial = ++client->last_alarm;
        alarm->weight = weight_of(alarm->id.serial);
        *id = alarm->id;
        insert(&client->alarms, alarm);
        /* else it does not sleep longer than until the next */
        if (*find_next(&client->alarms) == alarm) tm_client_wake_worker(client);
    }
    pthread_mutex_unlock(&client->lock);
    if (!closed) return 0;
    tm_letter_free(open_up(alarm));
    return tm_fail(err, TIM_ERR_SDKUNINIT, "the client is closed");
}

bool tm_client_never_mind(tm_client *client, tm_alarm_id id, void **token)
{
    pthread_mutex_lock(&client->lock);
    tm_alarm **place = find(&client->alarms, id);
    tm_letter *letter = *place ? open_up(take_out(place)) : NULL;
    pthread_mutex_unlock(&client->lock);
    if (!letter) return false;
    *token = letter->token;
    tm_letter_free(letter);
    return true;
}

/* ---- ringing ---- */

uint64_t tm_alarm_next(tm_client *client)
{
    pthread_mutex_lock(&client->lock);
    const tm_alarm *alarm = *find_next(&client->alarms);
    uint64_t at = alarm ? alarm->id.at : 0;
    pthread_mutex_unlock(&client->lock);
    return at;
}

static tm_letter *take(tm_client *client, uint64_t until)
{
    pthread_mutex_lock(&client->lock);
    tm_alarm **place = find_next(&client->alarms);
    tm_alarm *alarm = *place && (*place)->id.at <= until ? take_out(place) : NULL;
    pthread_mutex_unlock(&client->lock);
    return open_up(alarm);
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
