package io.github.wandacuda.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Blocks whose weights are read before they are asked for. */
@Timeout(60)
class ReadAheadTest {
  private static final int[] TOKENS = {1, 2, 3, 4, 5};

  @TempDir Path directory;

  private static <T> T with(Path path, Function<Decoder, T> work) {
    try (ModelDirectory model = ModelDirectory.open(path);
        Backend backend = Pruning.cpu(2);
        Decoder decoder = DecoderFamilies.open(model, backend.operations())) {
      return work.apply(decoder);
    }
  }

  /** Runs the first two blocks, each after something was done. */
  private static float[] states(Path path, Consumer<Decoder> before) {
    return with(
        path,
        decoder -> {
          float[] states = new float[TOKENS.length * decoder.hiddenSize()];
          try (Tensor hidden = decoder.operations().tensor(TOKENS.length, decoder.hiddenSize())) {
            decoder.embed(TOKENS, TOKENS.length, hidden);
            for (int index = 0; index < 2; index++) {
              before.accept(decoder);
              try (Block block = decoder.block(index)) {
                block.forward(hidden, TOKENS.length, InputObserver.NONE);
              }
            }
            decoder.operations().download(hidden, MemorySegment.ofArray(states));
          }
          return states;
        });
  }

  static Stream<Path> families() {
    return TestData.families().stream().map(name -> TestData.fixture(name).resolve("model"));
  }

  @ParameterizedTest
  @MethodSource("families")
  @FirstCases(4)
  void theyAreTheSame(Path model) {
    float[] expected = states(model, decoder -> {});
    for (int ahead = 0; ahead <= 2; ahead++) {
      int index = ahead;
      assertThat(states(model, decoder -> decoder.readAhead(index))).isEqualTo(expected);
    }
  }

  private static Throwable failure(Path path, Consumer<Decoder> before) {
    return with(
        path,
        decoder -> {
          TestData.names(path).stream()
              .filter(name -> name.endsWith(".safetensors"))
              .forEach(name -> cut(path.resolve(name)));
          before.accept(decoder);
          return catchThrowable(() -> decoder.block(0));
        });
  }

  private static void cut(Path file) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(channel.size() / 8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void aFileThatHasBecomeShorterIsToldAsItIsElsewhere() {
    Path one = TestData.copy(TestData.TINY_LLAMA, directory.resolve("one"));
    Path other = TestData.copy(TestData.TINY_LLAMA, directory.resolve("other"));
    Throwable expected = failure(one, decoder -> {});
    Throwable found = failure(other, decoder -> decoder.readAhead(0));
    assertThat(expected).isInstanceOf(InputException.class);
    assertThat(found)
        .isInstanceOf(InputException.class)
        .hasMessage(expected.getMessage().replace(one.toString(), other.toString()));
  }
}
