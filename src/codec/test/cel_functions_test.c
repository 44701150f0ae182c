/* SPDX-License-Identifier: Apache-2.0
 * Tests of the function libraries: decision tables derived from Kubernetes' documentation of its
 * CEL libraries and cel-go's documentation of its string extension. */
#include "codec/test/cel_table.h"

static void conversions(void **state)
{
    (void)state;
    static const struct cel_case rows[] = {
        { "int('42') + int(4.9) + int(2u)", "48" },
        { "int(-4.9)", "-4" },
        { "int('4x')", "eval: type conversion error from 'string' to 'int'" },
        { "int(9.3e18)", "eval: integer overflow" },
        { "int(18446744073709551615u)", "eval: integer overflow" },
        { "uint(-1)", "eval: unsigned integer overflow" },
        { "uint('7')", "7" },
        { "double('1.5') + double(1) + double(2u)", "4.5" },
        { "double('0x1p3')", "eval: type conversion error" },
        { "string(1) + string(2u) + string(1.5) + string(true) + string(b'x')", "\"121.5truex\"" },
        { "string(1e6) + ' ' + string(100000.0) + ' ' + string(0.1) + ' ' + string(1e-7)",
          "\"1e+06 100000 0.1 1e-07\"" },
        { "string(b'\\xff')", "eval: invalid UTF-8" },
        { "bool('true') && !bool('0')", "true" },
        { "bool('yes')", "eval: type conversion error" },
        { "size('h\xc3\xa9llo') == 5 && size(bytes('h\xc3\xa9llo')) == 6", "true" },
        { "'abc'.size() + [1].size() + {'a': 1}.size()", "5" },
        { "string(duration('1h30m')) + string(timestamp('2026-01-02T03:04:05.600Z'))",
          "\"5400s2026-01-02T03:04:05.6Z\"" },
    };
    cel_cases_check(rows, COUNT_OF(rows));
}

static void times(void **state)
{
    (void)state;
    static const struct cel_case rows[] = {
        { "timestamp('2026-11-22T06:01:02Z') - timestamp('2026-11-22T06:00:00Z') == "
          "duration('62s')",
          "true" },
        { "timestamp('2026-11-22T06:00:00Z') + duration('24h')", "\"2026-11-23T06:00:00Z\"" },
        { "timestamp('2026-11-22T06:00:00.5Z') - duration('600ms')", "\"2026-11-22T05:59:59.9Z\"" },
        { "timestamp('9999-12-31T23:59:59Z') + duration('1s')", "eval: timestamp overflow" },
        { "timestamp('0001-01-01T00:00:00Z') - duration('1ns')", "eval: timestamp overflow" },
        { "timestamp('9999-12-31T23:59:59Z') - timestamp('0001-01-01T00:00:00Z')",
          "eval: duration overflow" },
        { "timestamp('2026-02-29T00:00:00Z')", "eval: type conversion error" },
        { "timestamp('2024-02-29T00:00:00+02:00')", "\"2024-02-28T22:00:00Z\"" },
        { "timestamp(1700000000).getFullYear()", "2023" },
        { "timestamp('2026-11-22T06:07:08.009Z').getMonth()", "10" },
        { "timestamp('2026-11-22T06:07:08.009Z').getDate()", "22" },
        { "timestamp('2026-11-22T06:07:08.009Z').getDayOfMonth()", "21" },
        { "timestamp('2026-11-22T06:07:08.009Z').getDayOfWeek()", "0" },
        { "timestamp('1969-12-31T23:59:59Z').getDayOfWeek()", "3" },
        { "timestamp('0001-01-01T00:00:00Z').getDayOfWeek()", "1" },
        { "timestamp('2024-12-31T06:07:08.009Z').getDayOfYear()", "365" },
        { "timestamp('2026-11-22T06:07:08.009Z').getHours('-08:30')", "21" },
        { "timestamp('2026-11-22T06:07:08.009Z').getMinutes() * 1000 + "
          "timestamp('2026-11-22T06:07:08.009Z').getSeconds()",
          "7008" },
        { "timestamp('2026-11-22T06:07:08.009Z').getMilliseconds()", "9" },
        { "timestamp(0).getHours('Mars/Olympus')", "eval: unknown time zone" },
        { "duration('1h30m10s').getMinutes() + duration('90s').getSeconds()", "180" },
        { "duration('1.5s') + duration('500ms') == duration('2s')", "true" },
        { "duration('x')", "eval: type conversion error" },
        { "duration('2562047h') + duration('2562047h')", "eval: duration overflow" },
        { "int(timestamp('1970-01-01T00:01:00Z'))", "60" },
        { "timestamp('2026-01-01T00:00:00Z') < timestamp('2026-01-01T00:00:00.1Z')", "true" },
    };
    cel_cases_check(rows, COUNT_OF(rows));
}

static void strings(void **state)
{
    (void)state;
    static const struct cel_case rows[] = {
        { "'kubernetes'.contains('net') && 'abc'.startsWith('ab') && 'abc'.endsWith('bc')",
          "true" },
        { "'abc'.contains('') && 'abc'.startsWith('')", "true" },
        { "'h\xc3\xa9llo'.charAt(1)", "\"\xc3\xa9\"" },
        { "'abc'.charAt(3)", "\"\"" },
        { "'abc'.charAt(4)", "eval: index out of range: 4" },
        { "'h\xc3\xa9llo l'.indexOf('l')", "2" },
        { "'hello'.indexOf('l', 3)", "3" },
        { "'hello'.indexOf('z') + 'hello'.indexOf('')", "-1" },
        { "'hello'.indexOf('l', -1)", "eval: index out of range" },
        { "'hello'.lastIndexOf('l')", "3" },
        { "'hello'.lastIndexOf('l', 2)", "2" },
        { "'hello'.lastIndexOf('')", "5" },
        { "'TacoCat\xc3\x89'.lowerAscii() + 'taco'.upperAscii()", "\"tacocat\xc3\x89TACO\"" },
        { "'hello hello'.replace('he', 'we')", "\"wello wello\"" },
        { "'hello hello'.replace('he', 'we', 1)", "\"wello hello\"" },
        { "'hello hello'.replace('he', '')", "\"llo llo\"" },
        { "'abc'.replace('', '_')", "\"_a_b_c_\"" },
        { "'abc'.replace('b', 'X', 0)", "\"abc\"" },
        { "'a,b,c'.split(',')", "[\"a\",\"b\",\"c\"]" },
        { "'a,b,c'.split(',', 2)", "[\"a\",\"b,c\"]" },
        { "'a,b,c'.split(',', 0)", "[]" },
        { "'a,b,c'.split(',', -1).size()", "3" },
        { "'abc'.split('')", "[\"a\",\"b\",\"c\"]" },
        { "'abc'.split('', 2)", "[\"a\",\"bc\"]" },
        { "''.split(',')", "[\"\"]" },
        { "['a', 'b'].join('-') + ['x'].join()", "\"a-bx\"" },
        { "[].join('-')", "\"\"" },
        { "[1].join()", "compile: found no matching overload for 'join'" },
        { "'tacocat'.substring(4)", "\"cat\"" },
        { "'tacocat'.substring(0, 4)", "\"taco\"" },
        { "'tacocat'.substring(2, 1)", "eval: invalid substring range" },
        { "'tacocat'.substring(2, 9)", "eval: index out of range: 9" },
        { "'  \\ttrim\\n\\u00a0'.trim()", "\"trim\"" },
        { "'%d of %s: %.2f'.format([3, ['a'], 1.5])", "\"3 of [a]: 1.50\"" },
        { "'%s %s %s'.format([dyn('a'), dyn([1, 2]), dyn({'k': true})])",
          "\"a [1, 2] {k: true}\"" },
        { "'%d %.2f %e'.format([dyn(3), dyn(1.555), dyn(1.0)])", "\"3 1.55 1.000000e+00\"" },
        { "'%x %X %x %b %b %o%%'.format([dyn(255), dyn(255), dyn('hi'), dyn(-5), dyn(true), "
          "dyn(8)])",
          "\"ff FF 6869 -101 1 10%\"" },
        { "'%d'.format(['a'])", "eval: error during formatting" },
        { "'%d'.format([])", "eval: index 0 out of range" },
        { "'%q'.format([1])", "eval: unrecognized formatting clause" },
    };
    cel_cases_check(rows, COUNT_OF(rows));
}

static void regexes(void **state)
{
    (void)state;
    static const struct cel_case rows[] = {
        { "'foobar'.matches('^fo+b')", "true" },
        { "matches('foobar', 'o{2}bar$')", "true" },
        { "'a\\n'.matches('a$')", "false" },
        { "'abc 123'.find('[0-9]+')", "\"123\"" },
        { "'abc'.find('[0-9]+')", "\"\"" },
        { "'123 abc 456'.findAll('[0-9]+')", "[\"123\",\"456\"]" },
        { "'123 abc 456'.findAll('[0-9]+', 1)", "[\"123\"]" },
        { "'aXbX'.findAll('x*')", "[\"\",\"\",\"\",\"\",\"\"]" },
        { "'aXbX'.findAll('(?i)x')", "[\"X\",\"X\"]" },
        { "'a'.matches('(')", "compile: invalid matches argument" },
        { "'a'.matches(d + '(')", "eval: error parsing regexp" },
        { "'aa'.matches('(a)\\\\1')", "compile: invalid matches argument" },
        { "'aa'.matches('a(?=b)')", "compile: invalid matches argument" },
        { "'aa'.matches('a++')", "compile: invalid matches argument" },
        { "'aa'.matches('a**')", "compile: invalid matches argument" },
        { "'aa'.matches('(?>a)')", "compile: invalid matches argument" },
        { "'aa'.matches('a{1001}')", "compile: invalid matches argument" },
        { "'aa'.matches('(*COMMIT)a')", "compile: invalid matches argument" },
        { "'a{,5}'.matches('a{,5}')", "true" },
        { "'a+'.matches('\\\\Qa+\\\\E$')", "true" },
        { "'x-1'.matches('[[:alpha:]]-[\\\\d]')", "true" },
        { "'ab'.matches('(?P<n>a)(?:b)')", "true" },
        { "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('^(a+)+$')",
          "eval: the pattern needs too many steps" },
        { "'h\xc3\xa9'.find('.$')", "\"\xc3\xa9\"" },
    };
    cel_cases_check(rows, COUNT_OF(rows));
}

static void lists_and_sets(void **state)
{
    (void)state;
    static const struct cel_case rows[] = {
        { "[1, 2, 2].isSorted() && ![2, 1].isSorted() && [].isSorted()", "true" },
        { "[1, 3].sum() + [2, 9].min() + j.list.max()", "9" },
        { "[1.5, 2.0].sum()", "3.5" },
        { "[duration('1s'), duration('2s')].sum() == duration('3s')", "true" },
        { "[].sum()", "0" },
        { "[9223372036854775807, 1].sum()", "eval: integer overflow" },
        { "[].min()", "eval: min called on empty list" },
        { "['b', 'a'].min()", "\"a\"" },
        { "['a'].sum()", "compile: found no matching overload for 'sum'" },
        { "[1, 2, 1].indexOf(1) + [1, 2, 1].lastIndexOf(1) * 10", "20" },
        { "[1].indexOf(5)", "-1" },
        { "['a'].indexOf(1)", "compile: found no matching overload" },
        { "sets.contains([1, 2], [2]) && !sets.contains([1], [1, 2])", "true" },
        { "sets.equivalent([1, 2, 1], [2, 1]) && sets.intersects([1, 2], [2, 3])", "true" },
        { "sets.intersects([1], [])", "false" },
    };
    cel_cases_check(rows, COUNT_OF(rows));
}

static void quantities(void **state)
{
    (void)state;
    static const struct cel_case rows[] = {
        { "quantity('1Gi').isGreaterThan(quantity('1G'))", "true" },
        { "quantity('500m').compareTo(quantity('0.5'))", "0" },
        { "quantity('1k').add(quantity('500')).asInteger()", "1500" },
        { "quantity('1k').sub(500).asInteger()", "500" },
        { "quantity('1.5').isInteger()", "false" },
        { "quantity('1.5').asInteger()", "eval: cannot convert value to integer" },
        { "quantity('1.5').asApproximateFloat()", "1.5" },
        { "quantity('-3').sign()", "-1" },
        { "quantity('10x')", "eval: " },
        { "isQuantity('10Mi') && !isQuantity('10x')", "true" },
        { "quantity('1000m') == quantity('1')", "true" },
        { "semver('1.2.3').major() * 100 + semver('1.2.3').minor() * 10 + semver('1.2.3').patch()",
          "123" },
        { "semver('1.0.0-rc.2').isLessThan(semver('1.0.0-rc.10'))", "true" },
        { "semver('1.0.0-rc.1').isLessThan(semver('1.0.0'))", "true" },
        { "semver('1.0.0-alpha').compareTo(semver('1.0.0-1'))", "1" },
        { "semver('1.0.0+a').compareTo(semver('1.0.0+b'))", "0" },
        { "semver('v1.0')", "eval: invalid semantic version" },
        { "semver('v1.01', true).minor()", "1" },
        { "isSemver('1.0.0') && !isSemver('01.0.0') && !isSemver('1.0.0-01')", "true" },
        { "isSemver('v1', true)", "true" },
        { "semver('1.0.0').isLessThan(quantity('1'))", "compile: found no matching overload" },
    };
    cel_cases_check(rows, COUNT_OF(rows));
}

static void addresses(void **state)
{
    (void)state;
    static const struct cel_case rows[] = {
        { "ip('192.168.0.1').family() + ip('::1').family()", "10" },
        { "string(ip('2001:DB8::1'))", "\"2001:db8::1\"" },
        { "isIP('1.2.3.4') && !isIP('1.2.3.04') && !isIP('::ffff:1.2.3.4') && "
          "!isIP('fe80::1%eth0')",
          "true" },
        { "ip('x')", "eval: IP Address x parse error" },
        { "ip.isCanonical('2001:db8::1') && !ip.isCanonical('2001:DB8::1')", "true" },
        { "ip('127.0.0.1').isLoopback() && ip('::').isUnspecified()", "true" },
        { "ip('224.0.0.1').isLinkLocalMulticast() && ip('169.254.1.1').isLinkLocalUnicast()",
          "true" },
        { "ip('8.8.8.8').isGlobalUnicast() && !ip('255.255.255.255').isGlobalUnicast()", "true" },
        { "cidr('10.0.0.0/8').containsIP('10.1.2.3') && "
          "!cidr('10.0.0.0/8').containsIP(ip('11.0.0.1'))",
          "true" },
        { "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && "
          "!cidr('10.0.0.0/16').containsCIDR(cidr('10.0.0.0/8'))",
          "true" },
        { "string(cidr('10.1.2.3/12').masked())", "\"10.0.0.0/12\"" },
        { "cidr('10.1.2.3/12').ip() == ip('10.1.2.3') && cidr('10.1.2.3/12').prefixLength() == 12",
          "true" },
        { "isCIDR('10.0.0.0/33')", "false" },
        { "url('https://user:pw@example.com:80/a%20b?k=v&k=w&z').getHost()", "\"example.com:80\"" },
        { "url('https://example.com:80/a%20b?k=v&k=w&z').getPort()", "\"80\"" },
        { "url('https://[::1]:80/').getHostname()", "\"::1\"" },
        { "url('HTTPS://example.com/a%20b').getEscapedPath() + url('HTTPS://e/').getScheme()",
          "\"/a%20bhttps\"" },
        { "url('https://e/?k=a+b&k=w&z').getQuery()", "{\"k\":[\"a b\",\"w\"],\"z\":[\"\"]}" },
        { "url('/path').getHost()", "\"\"" },
        { "isURL('https://e/') && isURL('/p') && !isURL('p') && !isURL('https://e:x/')", "true" },
        { "url('../rel')", "eval: URL parse error" },
    };
    cel_cases_check(rows, COUNT_OF(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversions),    cmocka_unit_test(times),
        cmocka_unit_test(strings),        cmocka_unit_test(regexes),
        cmocka_unit_test(lists_and_sets), cmocka_unit_test(quantities),
        cmocka_unit_test(addresses),
    };
    return CHECK_MAIN(tests);
}
