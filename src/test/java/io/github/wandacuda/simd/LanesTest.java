package io.github.wandacuda.simd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.Supplier;
import jdk.incubator.vector.VectorShape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LanesTest {
  static final class Width implements Supplier<String> {
    @Override
    public String get() {
      return Lanes.describe();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"S_128_BIT", "S_256_BIT", "S_512_BIT"})
  void kernelsCanBeLoadedForAnyShape(VectorShape shape) {
    Supplier<?> width = ShapedKernels.load(Supplier.class, "simd.LanesTest$Width", shape);
    assertThat(width.get()).isEqualTo(shape.vectorBitSize() + "-bit");
  }

  @Test
  void theMachinesOwnShapeIsOneOfTheThree() {
    assertThat(Lanes.describe()).isIn("128-bit", "256-bit", "512-bit");
  }
}
