#!/bin/sh
# A small private CA for the broker and the gateways, with openssl. See docs/operating.md.
#
#     docker/certificates.sh ca                          once: the CA
#     docker/certificates.sh server NAME                 the broker's, for the name homes dial
#     docker/certificates.sh service NAME                a service's, such as ingest.telekol
#     docker/certificates.sh sign REQUEST                a gateway's, from its signing request
#
# Everything lies in ./certificates (TELEKOL_CERTIFICATES): keep ca/ca.key offline and safe, since
# who has it can speak for every home. A gateway's key is never here.
set -eu
umask 077

folder=${TELEKOL_CERTIFICATES:-certificates}
ca_days=3650
server_days=825
# Two years: a gateway says from thirty days before that it must be renewed.
gateway_days=730

die() {
  echo "certificates.sh: $*" >&2
  exit 2
}

need_ca() {
  [ -f "$folder/ca/ca.key" ] || die "no CA in $folder/ca; run: $0 ca"
}

# issue REQUEST CERTIFICATE DAYS SUBJECT EXTENSIONS: what the request asks for is ignored.
issue() {
  extensions=$(mktemp)
  trap 'rm -f "$extensions"' EXIT
  printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n%s\n' "$5" > "$extensions"
  openssl x509 -req -in "$1" -CA "$folder/ca/ca.crt" -CAkey "$folder/ca/ca.key" \
    -set_serial "0x$(openssl rand -hex 16)" -days "$3" -sha256 -extfile "$extensions" \
    -out "$2" 2> /dev/null || die "the request in $1 cannot be signed"
  chmod 644 "$2"
}

new_key() {
  [ ! -e "$1" ] || die "found $1 already; move it away first"
  openssl ecparam -name prime256v1 -genkey -noout -out "$1"
}

# own NAME KEY CERTIFICATE EXTENSIONS: make a key here and a certificate for it.
own() {
  new_key "$2"
  openssl req -new -key "$2" -subj "/CN=$1" -out "$2.csr"
  issue "$2.csr" "$3" "$server_days" "$1" "$4"
  rm "$2.csr"
}

case ${1:-} in
  ca)
    mkdir -p "$folder/ca" "$folder/broker" "$folder/gateways"
    new_key "$folder/ca/ca.key"
    openssl req -x509 -new -key "$folder/ca/ca.key" -subj "/CN=Tele-KOL CA" -days "$ca_days" \
      -sha256 -addext "keyUsage=critical,keyCertSign,cRLSign" -out "$folder/ca/ca.crt"
    chmod 644 "$folder/ca/ca.crt"
    cp "$folder/ca/ca.crt" "$folder/broker/ca.crt"
    chmod 644 "$folder/broker/ca.crt"
    echo "Made $folder/ca. Give ca.crt to every gateway; keep ca.key safe."
    ;;
  server)
    [ $# -eq 2 ] || die "expected the name that homes dial, such as broker.example.org"
    need_ca
    case $2 in
      *[!0-9.]*) name="DNS:$2" ;;
      *) name="IP:$2" ;;
    esac
    own "$2" "$folder/broker/broker.key" "$folder/broker/broker.crt" \
      "extendedKeyUsage=serverAuth
subjectAltName=$name"
    # The broker runs as its own user, number 1883 in its image.
    chown 1883 "$folder/broker/broker.key" "$folder/broker" 2> /dev/null ||
      echo "Make $folder/broker readable by the broker: chown -R 1883 $folder/broker" >&2
    echo "Made $folder/broker for $2."
    ;;
  service)
    [ $# -eq 2 ] || die "expected a service's name, such as ingest.telekol"
    need_ca
    # A name without a dot could be a gateway's.
    case $2 in
      *.*) ;;
      *) die "expected a name with a dot, such as ingest.telekol, found $2" ;;
    esac
    own "$2" "$folder/$2.key" "$folder/$2.crt" "extendedKeyUsage=clientAuth"
    echo "Made $folder/$2.key and $folder/$2.crt."
    ;;
  sign)
    [ $# -eq 2 ] || die "expected a gateway's signing request"
    need_ca
    openssl req -in "$2" -noout -verify 2> /dev/null || die "$2 is no signing request, or was changed"
    gateway=$(openssl req -in "$2" -noout -subject -nameopt multiline,-esc_msb |
      sed -n 's/^ *commonName *= //p')
    # The same as telekol.topics.GATEWAY_ID_PATTERN: it becomes a part of topics.
    printf '%s' "$gateway" | grep -Eqx '[a-z0-9][a-z0-9-]{1,61}[a-z0-9]' ||
      die "expected a gateway's id as the common name, found '$gateway'"
    certificate="$folder/gateways/$gateway.crt"
    issue "$2" "$certificate" "$gateway_days" "$gateway" "extendedKeyUsage=clientAuth"
    echo "Signed for $gateway: $certificate. Give it and $folder/ca/ca.crt to the gateway."
    ;;
  *)
    sed -n '2,10s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
