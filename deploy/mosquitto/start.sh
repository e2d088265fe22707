#!/bin/sh
# Start the broker. The first time, make the account of the station: it administers the plugin and may read and
# write every topic of Loa. Its password is LOA_MQTT_PASSWORD; there is none by default.
set -eu

config="${1:-/mosquitto/config/mosquitto.conf}"
rights="$(sed -n 's/^plugin_opt_config_file //p' "$config")"
account="${LOA_MQTT_USERNAME:-station}"
password="${LOA_MQTT_PASSWORD:?Set LOA_MQTT_PASSWORD to the password of the station at the broker.}"

# The plugin is taught through a socket that only this user may open, before any door to the network is.
teach() {
    folder="$(mktemp -d)"
    mosquitto_ctrl dynsec init "$folder/rights.json" "$account" "$password" >/dev/null
    cat >"$folder/mosquitto.conf" <<END
listener 0 $folder/door
allow_anonymous false
user $(id -un)
plugin $(sed -n 's/^plugin //p' "$config")
plugin_opt_config_file $folder/rights.json
END
    mosquitto -c "$folder/mosquitto.conf" &
    broker=$!
    tries=0
    until rights_of_the_station | mosquitto_pub --unix "$folder/door" -u "$account" -P "$password" \
        -q 1 -t '$CONTROL/dynamic-security/v1' -s 2>/dev/null; do
        tries=$((tries + 1))
        if [ "$tries" -ge 50 ]; then
            kill "$broker"
            echo "start.sh: the broker could not be taught; read its lines above." >&2
            exit 1
        fi
        sleep 0.1
    done
    kill "$broker"
    wait "$broker" || true
    cp "$folder/rights.json" "$rights.new"
    mv "$rights.new" "$rights"
    rm -r "$folder"
}

# One message of commands, as the plugin takes them.
rights_of_the_station() {
    printf '{"commands": [{"command": "createRole", "rolename": "station", "acls": ['
    comma=
    for topics in 'loa/#' '$SYS/#'; do
        for act in publishClientSend publishClientReceive subscribePattern unsubscribePattern; do
            printf '%s{"acltype": "%s", "topic": "%s", "allow": true}' "$comma" "$act" "$topics"
            comma=', '
        done
    done
    printf ']}, {"command": "addClientRole", "username": "%s", "rolename": "station"}]}' "$account"
}

[ -s "$rights" ] || teach
exec mosquitto -c "$config"
