package io.github.wandacuda.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class TensorNamesTest {
  @Test
  void namesAreInCodePointOrder() {
    List<String> names = List.of("", "a", "a.b", "a.b.c", "ab", "é", "\uffee", "\ud83d\ude00");
    assertThat(names.reversed().stream().sorted(TensorNames.ORDER))
        .containsExactlyElementsOf(names);
  }
}
