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

  @Test
  void numbersInNamesCountByTheirValues() {
    List<String> names =
        List.of(
            "", "layers.1.a",
            "layers.02.a", "layers.2.a",
            "layers.2.b", "layers.10.a",
            "layers.10.experts.9.w", "layers.10.experts.11.w",
            "layers.99999999999999999998", "layers.99999999999999999999",
            "layers.x", "lm_head",
            "\uffee1", "\ud83d\ude00");
    assertThat(names.reversed().stream().sorted(TensorNames.NATURAL))
        .containsExactlyElementsOf(names);
  }
}
