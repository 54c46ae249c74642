package io.github.wandacuda.evaluate;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.text.DjlTokenizer;
import io.github.wandacuda.text.Tokenizer;
import io.github.wandacuda.text.TokenizerFile;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TextStreamTest {
  private static List<String> pieces(Tokenizer tokenizer, int[] prompt, int[] ids) {
    TextStream stream = new TextStream(tokenizer, prompt);
    List<String> pieces = new ArrayList<>();
    for (int id : ids) {
      pieces.add(stream.add(id));
    }
    pieces.add(stream.end());
    return pieces;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "The Nile is a great river",
        "naïve été — 北京 и Москва",
        "🙂 and 👩‍👩‍👧",
        "two\nlines\n\n  and   spaces ",
        "\u0301 alone"
      })
  void piecesMakeTheTextAndNoneEndsWithinACharacter(String text) {
    try (Tokenizer tokenizer = DjlTokenizer.open(TokenizerFile.in(TestData.TINY_LLAMA))) {
      int[] all = tokenizer.encode("It says: " + text);
      String expected = tokenizer.decode(all);
      for (int prompt = 1; prompt < all.length; prompt++) {
        int[] before = Arrays.copyOf(all, prompt);
        String shown = tokenizer.decode(before);
        if (shown.contains("\uFFFD")) {
          continue; // No text ends within a character.
        }
        List<String> pieces =
            pieces(tokenizer, before, Arrays.copyOfRange(all, prompt, all.length));
        assertThat(pieces).noneMatch(piece -> piece.contains("\uFFFD"));
        assertThat(shown + String.join("", pieces)).isEqualTo(expected);
      }
    }
  }

  @Test
  void anUnfinishedCharacterIsShownInTheEnd() {
    try (Tokenizer tokenizer = DjlTokenizer.open(TokenizerFile.in(TestData.TINY_LLAMA))) {
      int[] all = tokenizer.encode("a🙂");
      int[] cut = Arrays.copyOfRange(all, 2, all.length - 1);
      List<String> pieces = pieces(tokenizer, Arrays.copyOf(all, 2), cut);
      assertThat(pieces.getLast()).contains("\uFFFD");
      assertThat(pieces.subList(0, pieces.size() - 1)).noneMatch(piece -> piece.contains("\uFFFD"));
    }
  }
}
