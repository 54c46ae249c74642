package io.github.wandacuda.bench.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.wandacuda.bench.common.ModelShape;
import org.junit.jupiter.api.Test;

class ModelChoiceTest {
  private static final ModelShape LLAMA_7B = new ModelShape(32, 4096, 11008, 32, 32, 32000);
  private static final double PLENTY = 1e12;

  @Test
  void theSizesAreThoseOfLlama() {
    assertEquals(6_738_415_616L, LLAMA_7B.bytes() / 2);
  }

  @Test
  void aModelThatFitsIsWhole() {
    assertEquals(new ModelChoice(LLAMA_7B, ""), ModelChoice.of(LLAMA_7B, PLENTY, PLENTY, PLENTY));
  }

  @Test
  void theTightestLimitLeavesLayersOut() {
    ModelChoice choice =
        ModelChoice.of(LLAMA_7B, LLAMA_7B.withLayers(11).bytes() - 1, PLENTY, PLENTY);
    assertEquals(new ModelChoice(LLAMA_7B.withLayers(10), "disk"), choice);
    assertEquals(
        new ModelChoice(LLAMA_7B.withLayers(3), "time"),
        ModelChoice.of(LLAMA_7B, PLENTY, PLENTY, LLAMA_7B.withLayers(3).bytes()));
  }

  @Test
  void fewerThanTwoLayersAreNoModel() {
    assertTrue(ModelChoice.of(LLAMA_7B, PLENTY, LLAMA_7B.withLayers(2).bytes(), PLENTY).isModel());
    ModelChoice none = ModelChoice.of(LLAMA_7B, PLENTY, 1, PLENTY);
    assertFalse(none.isModel());
    assertEquals("memory", none.limit());
  }
}
