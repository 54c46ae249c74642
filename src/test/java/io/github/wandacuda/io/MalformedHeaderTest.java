package io.github.wandacuda.io;

import static io.github.wandacuda.checkpoint.TestFiles.assertInputError;
import static io.github.wandacuda.checkpoint.TestFiles.bytes;
import static io.github.wandacuda.checkpoint.TestFiles.entry;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class MalformedHeaderTest {
  private static final String A = entry("a", "U8", "[4]", 0, 4);

  @TempDir Path folder;

  static Stream<Arguments> malformed() {
    return Stream.of(lengths(), json(), entries(), layouts()).flatMap(cases -> cases);
  }

  private static Stream<Arguments> lengths() {
    byte[] empty = "{}".getBytes(StandardCharsets.UTF_8);
    return Stream.of(
        arguments("empty file", new byte[0], "at least 8 bytes, found 0 bytes"),
        arguments("7 bytes", new byte[7], "at least 8 bytes, found 7 bytes"),
        arguments("header length 0", bytes(0, new byte[0]), "'{' as its first byte, found no byte"),
        arguments("header length 7 of 2", bytes(7, empty), "expected 7 bytes, found 2 before"),
        arguments("length 2^63", bytes(Long.MIN_VALUE, empty), "found 9223372036854775808"),
        arguments("length 2^64-1", bytes(-1, empty), "found 18446744073709551615"),
        arguments("length 2^63-1", bytes(Long.MAX_VALUE, empty), "found 9223372036854775807"),
        arguments("length > 100 MB", bytes(100_000_001, empty), "at most 100000000 bytes"),
        arguments("length 100 MB", bytes(100_000_000, empty), "expected 100000000 bytes, found 2"),
        arguments("one too long", bytes(3, empty), "expected 3 bytes, found 2 before"));
  }

  private static Stream<Arguments> json() {
    return Stream.of(
        arguments("starts with a space", bytes(" {}"), "found byte 0x20"),
        arguments("starts with an array", bytes("[{}]"), "found byte 0x5b"),
        arguments("byte order mark", bytes("\ufeff{}"), "found byte 0xef"),
        arguments("UTF-16", bytes("{\0}\0"), "header: expected JSON"),
        arguments("not UTF-8", bytes(new byte[] {'{', '"', (byte) 0xc3, '"', ':'}), "UTF-8"),
        arguments(
            "overlong UTF-8",
            bytes(new byte[] {'{', '"', (byte) 0xc0, (byte) 0x80, '"', ':', '1', '}'}),
            "UTF-8"),
        arguments("cut", bytes("{\"a\":{\"dtype\":\"U8\""), "header: expected JSON"),
        arguments("missing comma", bytes("{" + A + A + "}"), "header: expected JSON"),
        arguments("trailing comma", bytes("{" + A + ",}"), "header: expected JSON"),
        arguments("comment", bytes("{/* */}"), "header: expected JSON"),
        arguments("NaN", bytes("{\"a\":NaN}"), "header: expected JSON"),
        arguments("raw line break in a name", bytes("{\"a\nb\":1}"), "header: expected JSON"),
        arguments("a second object", bytes("{} {}"), "nothing after the JSON object, found {"),
        arguments("NUL after the object", bytes("{}\0"), "header: expected JSON"),
        arguments(
            "deep nesting",
            bytes("{\"a\":{\"x\":" + "[".repeat(100_000) + "}}"),
            "header: expected JSON"),
        arguments(
            "long number",
            bytes("{\"a\":{\"shape\":[" + "1".repeat(100_000) + "]}}"),
            "header: expected JSON"),
        arguments("long name", bytes("{\"" + "a".repeat(2_000_000) + "\":1}"), "expected JSON"));
  }

  private static Stream<Arguments> entries() {
    String rest = "\"shape\":[4],\"data_offsets\":[0,4]}}";
    return Stream.of(
        arguments(
            "tensor is a number", bytes("{\"a\":1}"), "tensor a: expected an object, found 1"),
        arguments("tensor is null", bytes("{\"a\":null}"), "tensor a: expected an object"),
        arguments("tensor twice", bytes("{" + A + "," + A + "}"), "tensor a: expected one entry"),
        arguments(
            "tensor twice, one escaped",
            bytes("{" + A + "," + A.replace("\"a\"", "\"\\u0061\"") + "}"),
            "tensor a: expected one entry"),
        arguments("high surrogate alone", bytes("{\"\\ud800\":1}"), "header: expected JSON"),
        arguments("low surrogate alone", bytes("{\"\\udc00\":1}"), "header: expected JSON"),
        arguments(
            "name with line breaks",
            bytes("{\"a\\nb\\u2028\\u0000\":1}"),
            "tensor a\\u000ab\\u2028\\u0000: expected"),
        arguments(
            "name of 10,000",
            bytes("{\"" + "n".repeat(10_000) + "\":1}"),
            "tensor " + "n".repeat(200) + "...: expected"),
        arguments(
            "dtype number", bytes("{\"a\":{\"dtype\":8," + rest), "tensor a: expected a string"),
        arguments(
            "dtype twice",
            bytes("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"," + rest, new byte[4]),
            "tensor a: expected one dtype"),
        arguments("no dtype", bytes("{\"a\":{" + rest, new byte[4]), "expected dtype, found none"),
        arguments(
            "no shape",
            bytes("{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,4]}}", new byte[4]),
            "tensor a: expected shape, found none"),
        arguments(
            "no data_offsets",
            bytes("{\"a\":{\"dtype\":\"U8\",\"shape\":[4]}}", new byte[4]),
            "tensor a: expected data_offsets, found none"),
        shape("object", "{}", "expected an array as shape, found {"),
        shape("string inside", "[\"4\"]", "in shape, found string \"4\""),
        shape("negative", "[-4]", "in shape, found -4"),
        shape("negative zero", "[-0]", "in shape, found -0"),
        shape("fraction", "[4.0]", "in shape, found 4.0"),
        shape("exponent", "[4e0]", "in shape, found 4e0"),
        shape("2^63", "[9223372036854775808]", "in shape, found 9223372036854775808"),
        shape("nested", "[[4]]", "in shape, found ["),
        shape("65 dimensions", "[" + "1,".repeat(64) + "4]", "at most 64 numbers in shape"),
        shape("product", "[4294967296,4294967296]", "tensor a: expected a size below 2^63 bits"),
        shape("product, then 0", "[4294967296,4294967296,0]", "expected a size below 2^63 bits"),
        shape("bits", "[2305843009213693952]", "tensor a: expected a size below 2^63 bits"),
        shape("too small", "[3]", "tensor a: expected 3 bytes for U8 [3], found 4 in data_offsets"),
        shape("too large", "[2,3]", "tensor a: expected 6 bytes for U8 [2, 3], found 4"),
        shape("scalar of 4", "[]", "tensor a: expected 1 bytes for U8 [], found 4"),
        offsets("one", "[0]", "tensor a: expected two data_offsets, found [0]"),
        offsets("three", "[0,4,4]", "at most 2 numbers in data_offsets"),
        offsets("descending", "[4,0]", "data_offsets in ascending order, found [4, 0]"),
        offsets("negative", "[-4,0]", "in data_offsets, found -4"),
        offsets("fraction", "[0,4.0]", "in data_offsets, found 4.0"),
        offsets("number", "4", "expected an array as data_offsets, found 4"),
        offsets("beyond 2^64", "[0,99999999999999999999]", "found 99999999999999999999"),
        metadata("number", "1", "__metadata__: expected an object, found 1"),
        metadata("number inside", "{\"k\":1}", "__metadata__ entry k: expected a string, found 1"),
        metadata("object inside", "{\"k\":{}}", "__metadata__ entry k: expected a string, found {"),
        metadata("null inside", "{\"k\":null}", "__metadata__ entry k: expected a string"),
        metadata(
            "key twice", "{\"k\":\"1\",\"k\":\"1\"}", "__metadata__ entry k: expected one value"),
        metadata("twice", "{},\"__metadata__\":{}", "header: expected one __metadata__"));
  }

  private static Stream<Arguments> layouts() {
    String b = entry("b", "U8", "[4]", 4, 8);
    return Stream.of(
        layout("no tensor, 1 byte", 1, "expected 0 bytes of data, all of them in tensors, found 1"),
        layout("starts late", 5, "tensor a: expected its data at", entry("a", "U8", "[4]", 1, 5)),
        layout("ends early", 5, "expected 4 bytes of data, all of them in tensors, found 5", A),
        layout("past the end", 3, "tensor a: expected its data to end at offset 3 at most", A),
        layout("overlap", 7, "tensor c: expected its data at", A, entry("c", "U8", "[4]", 3, 7)),
        layout("same place", 4, "tensor c: expected its data at", A, entry("c", "U8", "[4]", 0, 4)),
        layout(
            "hole",
            9,
            "tensor c: expected its data at offset 4, next to tensor a, found offset 5",
            entry("c", "U8", "[4]", 5, 9),
            A),
        layout("second is missing", 4, "tensor b: expected its data to end", A, b),
        layout(
            "overflowing offsets",
            4,
            "tensor z: expected its data to end at offset 4 at most",
            A,
            entry("z", "PACKED", "[1]", 4, Long.MAX_VALUE)),
        layout(
            "empty tensor in the middle of another",
            4,
            "tensor c: expected its data at offset 4",
            A,
            entry("c", "U8", "[0]", 2, 2)),
        layout("half a byte", 2, "expected a whole number of bytes", entry("a", "F4", "[3]", 0, 2)),
        layout(
            "6-bit elements",
            3,
            "tensor a: expected a whole number of bytes, found F6_E2M3 [5], which is 30 bits",
            entry("a", "F6_E2M3", "[5]", 0, 3)),
        layout(
            "unknown type, product",
            4,
            "tensor a: expected a size below 2^63",
            entry("a", "PACKED", "[4294967296,4294967296]", 0, 4)));
  }

  private static Arguments shape(String name, String shape, String part) {
    return layout("shape: " + name, 4, part, entry("a", "U8", shape, 0, 4));
  }

  private static Arguments offsets(String name, String offsets, String part) {
    return layout(
        "data_offsets: " + name,
        4,
        part,
        "\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" + offsets + "}");
  }

  private static Arguments metadata(String name, String metadata, String part) {
    return layout("metadata: " + name, 4, part, "\"__metadata__\":" + metadata, A);
  }

  private static Arguments layout(String name, int dataBytes, String part, String... entries) {
    byte[] file = bytes("{" + String.join(",", entries) + "}", new byte[dataBytes]);
    return arguments(name, file, part);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("malformed")
  void isRefusedInOneLine(String name, byte[] content, String part) throws IOException {
    Path file = Files.write(folder.resolve("bad.safetensors"), content);
    assertInputError(() -> SafetensorsFile.open(file).close(), file + ": ", part);
  }

  @Test
  void aFolderIsRefused() {
    assertInputError(() -> SafetensorsFile.open(folder).close(), folder + ": ", "found a folder");
  }

  @Test
  void aMissingFileIsRefused() {
    Path file = folder.resolve("none");
    assertInputError(() -> SafetensorsFile.open(file).close(), file + ": ", "found nothing");
  }

  @Test
  void aLinkToNothingIsRefused() throws IOException {
    Path link = Files.createSymbolicLink(folder.resolve("link"), folder.resolve("none"));
    assertInputError(() -> SafetensorsFile.open(link).close(), "a symbolic link to nothing");
  }

  @Test
  void aDeviceIsRefused() {
    Path device = Path.of("/dev/zero");
    assertInputError(() -> SafetensorsFile.open(device).close(), "no regular file");
  }

  @Test
  void aFileNameWithALineBreakStaysOnOneLine() throws IOException {
    Path file = Files.write(folder.resolve("a\nb"), new byte[3]);
    assertInputError(() -> SafetensorsFile.open(file).close(), "a\\u000ab: expected");
  }
}
