package io.github.wandacuda.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The trees are those of Jackson's own mapper. */
class JsonTreeTest {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  private static JsonNode read(String text) throws IOException {
    return read(text, StandardCharsets.UTF_8);
  }

  private static JsonNode read(String text, Charset charset) throws IOException {
    return JsonTree.read(new ByteArrayInputStream(text.getBytes(charset)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "[]",
        " {\"a\": [1, {\"b\": null}, [], \"é漢😀\\n\\u0000\"], \"\": {\"c\": {}}} ",
        "[0, -0, 2147483647, 2147483648, -9223372036854775808, 9223372036854775808]",
        "[1e-5, 0.1, -0.0, 10000.0, 1e400, 123456789012345678901234567890.5]",
        "[true, false, null]",
        "\"text\"",
        "17",
        "null",
        "{\"a\": 1} and what follows",
        "",
        "  \n"
      })
  void isTheMappers(String text) throws IOException {
    assertThat(read(text)).isEqualTo(MAPPER.readTree(text.getBytes(StandardCharsets.UTF_8)));
    assertThat(read(text, StandardCharsets.UTF_16BE)).isEqualTo(read(text));
    assertThat(read(text, StandardCharsets.UTF_16LE)).isEqualTo(read(text));
  }

  @Test
  void aByteOrderMarkIsSkipped() throws IOException {
    assertThat(read("\ufeff{\"a\": 1}")).isEqualTo(read("{\"a\": 1}"));
  }

  @Test
  void otherBytesThanUtf8AreRefused() {
    for (String text : List.of("{\"a\": \"\u00e9\"}", "\"\u00e9\"")) {
      assertThatThrownBy(() -> read(text, StandardCharsets.ISO_8859_1))
          .isInstanceOf(JsonProcessingException.class)
          .hasMessageContaining("UTF-8");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"{", "[1,", "{\"a\"}", "{\"a\":}", "[1 2]", "{a: 1}", "NaN", "'a'", "]"})
  void whatIsNotJsonIsRefused(String text) {
    assertThatThrownBy(() -> read(text)).isInstanceOf(JsonProcessingException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"{\"a\": 1, \"b\": 2, \"a\": 1}", "[{\"x\": {\"a\": null, \"a\": 0}}]"})
  void aKeyThatIsThereTwiceIsRefused(String text) {
    assertThatThrownBy(() -> read(text))
        .isInstanceOf(JsonProcessingException.class)
        .hasMessageContaining("the key 'a' is there twice");
  }

  @Test
  void deepNestingIsRefused() {
    assertThatThrownBy(() -> read("[".repeat(100_000)))
        .isInstanceOf(JsonProcessingException.class)
        .hasMessageContaining("nesting");
  }
}
