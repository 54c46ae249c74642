package io.github.wandacuda.error;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class PrintableTest {
  @Test
  void plainTextStaysAsItIs() {
    assertThat(Printable.of("model.layers.0/μ 層 😀")).isEqualTo("model.layers.0/μ 層 😀");
  }

  @Test
  void whatCouldBreakOrTurnALineIsEscaped() {
    assertThat(Printable.of("a\nb\rc\0d\u001b[31m\u2028e\u202ef\u0085\ud800"))
        .isEqualTo("a\\u000ab\\u000dc\\u0000d\\u001b[31m\\u2028e\\u202ef\\u0085\\ud800");
  }

  @Test
  void whatLiesBeyondSixteenBitsIsEscapedAsInJson() {
    assertThat(Printable.of("a" + Character.toString(0xe0001))).isEqualTo("a\\udb40\\udc01");
  }

  @Test
  void longTextIsCut() {
    assertThat(Printable.of("x".repeat(200))).isEqualTo("x".repeat(200));
    assertThat(Printable.of("x".repeat(201))).isEqualTo("x".repeat(200) + "...");
    assertThat(Printable.of("x".repeat(199) + "😀y")).isEqualTo("x".repeat(199) + "😀...");
  }

  @Test
  void pathsAreNotCutButEscaped() {
    Path path = Path.of("/m/" + "x".repeat(250), "a\nb");
    assertThat(Printable.of(path)).isEqualTo("/m/" + "x".repeat(250) + "/a\\u000ab");
  }

  @Test
  void aMessageIsOneLineThatNoTerminalObeys() {
    assertThat(Printable.message("a\r\n  b\u001b[2Jc\u0007" + "d".repeat(5_000)))
        .isEqualTo("a b\\u001b[2Jc\\u0007" + "d".repeat(5_000));
    assertThat(Printable.message("e".repeat(30_000))).hasSize(20_003).endsWith("...");
  }
}
