package io.github.wandacuda.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ChildProcessTest {
  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '|',
      value = {
        "plain, plain", "a b, a b", "C:\\dir\\, C:\\dir\\",
        "||, \"\"", "*.txt, \"*.txt\"", "a?b\\, \"a?b\\\\\"",
        "say \"hi\", \"say \\\"hi\\\"\"", "a\\\"b, \"a\\\\\\\"b\""
      })
  void quotesForWindowsWhatProcessBuilderDoesNot(String word, String quoted) {
    assertThat(ChildProcess.quotedForWindows(word)).isEqualTo(quoted);
  }
}
