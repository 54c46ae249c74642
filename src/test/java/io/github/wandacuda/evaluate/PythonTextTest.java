package io.github.wandacuda.evaluate;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The expected strings are what CPython 3.13 gave. */
class PythonTextTest {
  @ParameterizedTest
  @CsvSource({
    "she RUNS,She runs", "ÉVA AND,Éva and", "ǆungla,ǅungla", "ßtraße,Sstraße", "ﬁSH,Fish",
    "ΑΣ,Ας", "ΟΔΟΣ ΣΑΣ,Οδος σας", "İSTANBUL,İstanbul", "9 LIVES,9 lives", "𐐨𐐀,𐐀𐐨"
  })
  void capitalizes(String text, String expected) {
    assertThat(PythonText.capitalize(text)).isEqualTo(expected);
  }

  @Test
  void stripsWhatPythonTakesForWhiteSpace() {
    String spaces = " \t\n\u000b\f\r\u001c\u001f\u0085\u00a0\u1680\u2000\u2007\u2028\u202f\u3000";
    assertThat(PythonText.strip(spaces + "a b" + spaces)).isEqualTo("a b");
    assertThat(PythonText.stripLeading(spaces + "a ")).isEqualTo("a ");
    assertThat(PythonText.endWithoutSpace("a" + spaces)).isEqualTo(1);
    assertThat(PythonText.strip(spaces)).isEmpty();
    // No white space in Python: a space without width, and the mark of byte order.
    assertThat(PythonText.strip("\u200ba\ufeff")).isEqualTo("\u200ba\ufeff");
  }

  @Test
  void countsCharacters() {
    assertThat(PythonText.length("aä𝕏👍")).isEqualTo(4);
  }
}
