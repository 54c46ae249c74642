package io.github.wandacuda.pruning.fit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.scalar.ScalarRows;
import io.github.wandacuda.simd.VectorRows;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OutputErrorTest {
  @Test
  void theKnownLayerHasItsErrors() {
    LayerCase layer = LayerCase.known();
    OutputError error = layer.on(1, gram -> of(gram, layer));
    assertThat(error.error()).isEqualTo(0.23 + 0.8075 + 4.9875, within(1e-6));
    assertThat(error.output()).isEqualTo(whole(layer), within(1e-5));
  }

  private static OutputError of(SquareGram gram, LayerCase layer) {
    return OutputError.of(gram, LayerCase.matrix(layer.weights), LayerCase.matrix(layer.masked()));
  }

  private static double whole(LayerCase layer) {
    double sum = 0;
    for (int row = 0; row < layer.weights.length; row++) {
      sum += layer.error(row, new float[layer.columns()]);
    }
    return sum;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 16, 33, 300})
  void itIsTheSumInFloat64(int columns) {
    LayerCase layer = LayerCase.random(columns, 30, columns, columns);
    double expected = 0;
    for (int row = 0; row < 30; row++) {
      expected += layer.error(row, layer.kept[row]);
    }
    OutputError error = layer.on(2, gram -> of(gram, layer));
    assertThat(error.error()).isEqualTo(expected, within(1e-5 * expected));
    assertThat(error.output()).isEqualTo(whole(layer), within(1e-5 * whole(layer)));
  }

  @Test
  void kernelsAndThreadsGiveTheSameBits() {
    LayerCase layer = LayerCase.random(4, 37, 315, 5);
    OutputError[] found = new OutputError[2];
    for (int vectors = 0; vectors < 2; vectors++) {
      var arithmetic = vectors == 0 ? new ScalarRows() : new VectorRows();
      found[vectors] = layer.on(arithmetic, 1 + 2 * vectors, gram -> of(gram, layer));
    }
    assertThat(found[1]).isEqualTo(found[0]);
  }

  @Test
  void shapesThatDifferAreRefused() {
    LayerCase layer = LayerCase.known();
    layer.on(
        1,
        gram ->
            assertThatIllegalArgumentException()
                .isThrownBy(
                    () ->
                        OutputError.of(
                            gram,
                            LayerCase.matrix(layer.weights),
                            LayerCase.matrix(new float[2][4])))
                .withMessage("changed weights: expected 3 x 4, found 2 x 4"));
  }
}
