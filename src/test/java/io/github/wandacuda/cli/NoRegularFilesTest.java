package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A pipe, a device, a socket or a folder where a file is read: refused, and never waited for. */
@Isolated
class NoRegularFilesTest {
  private static final Path MODEL = TestData.TINY_LLAMA;
  private static final Duration SOON = Duration.ofSeconds(10);

  /** Files that have to be there, in words of their own. */
  private static final Set<Place> NAMED_OTHERWISE =
      EnumSet.of(
          Place.SHARD,
          Place.STATISTICS,
          Place.ADAPTER,
          Place.PRUNED_SHARD,
          Place.PRUNED_CONFIG,
          Place.PACKED_SHARD);

  @TempDir Path directory;

  /** What may stand in a file's place. */
  enum Kind {
    PIPE("a pipe") {
      @Override
      void put(Path file) throws IOException {
        Command.of("mkfifo", file.toString()).within(10).run().succeeds();
      }
    },
    DEVICE("a device") {
      @Override
      void put(Path file) throws IOException {
        Files.createSymbolicLink(file, Path.of("/dev/zero"));
      }
    },
    SOCKET("a socket") {
      @Override
      void put(Path file) throws IOException {
        try (var socket = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
          socket.bind(UnixDomainSocketAddress.of(file));
        }
      }
    },
    KERNEL("one that the kernel makes as it is read") {
      @Override
      void put(Path file) throws IOException {
        Files.createSymbolicLink(file, Path.of("/proc/self/status"));
      }
    },
    FOLDER("a folder") {
      @Override
      void put(Path file) throws IOException {
        Files.createDirectory(file);
      }
    };

    private final String inWords;

    Kind(String inWords) {
      this.inWords = inWords;
    }

    abstract void put(Path file) throws IOException;
  }

  /** The files that commands read, and how. */
  enum Place {
    CONFIG("model/config.json", "inspect"),
    INDEX("model/model.safetensors.index.json", "inspect"),
    SHARD("model/model-00002-of-00003.safetensors", "inspect"),
    TOKENIZER("model/tokenizer.json", "perplexity --text testdata/text/heldout.txt"),
    TEXT("text.txt", "perplexity --text"),
    TOKENS("tokens.json", "perplexity --tokens"),
    STREAM("text.txt", "calibrate --calibration"),
    DOCUMENTS("text.jsonl", "calibrate --calibration"),
    ZIPPED("text.jsonl.gz", "calibrate --calibration"),
    LISTS("lists.json", "calibrate --calibration"),
    STATISTICS("norms.safetensors", "prune --statistics"),
    IMATRIX("norms.gguf", "prune --statistics"),
    OLD_IMATRIX("norms.dat", "prune --statistics"),
    ADAPTER_CONFIG("adapter/adapter_config.json", "merge-lora"),
    ADAPTER("adapter/adapter_model.safetensors", "merge-lora"),
    RECORD("pruned/wanda-cuda.json", "verify"),
    PRUNED_CONFIG("pruned/config.json", "verify"),
    PRUNED_SHARD("pruned/model-00002-of-00003.safetensors", "verify"),
    PACKING_CONFIG("model/config.json", "pack"),
    PACKED_CONFIG("packed/config.json", "unpack"),
    PACKED_INDEX("packed/model.safetensors.index.json", "unpack"),
    PACKED_SHARD("packed/model-00002-of-00003.safetensors", "unpack");

    private final String file;
    private final String command;

    Place(String file, String command) {
      this.file = file;
      this.command = command;
    }
  }

  static Stream<Arguments> all() {
    Stream<Arguments> pipes =
        Stream.of(Place.values()).map(place -> Arguments.of(place, Kind.PIPE));
    Stream<Arguments> others =
        Stream.of(Place.CONFIG, Place.TEXT, Place.IMATRIX, Place.RECORD)
            .flatMap(
                place ->
                    Stream.of(Kind.DEVICE, Kind.SOCKET, Kind.KERNEL, Kind.FOLDER)
                        .map(kind -> Arguments.of(place, kind)));
    return Stream.concat(pipes, others);
  }

  @ParameterizedTest
  @MethodSource("all")
  void areRefused(Place place, Kind kind) throws IOException {
    TestData.copy(MODEL, directory.resolve("model"));
    TestData.copy(MODEL, directory.resolve("pruned"));
    TestData.copy(Path.of("testdata/golden/lora/llama/adapter"), directory.resolve("adapter"));
    Files.writeString(directory.resolve("pruned/wanda-cuda.json"), "{}");
    if (place.command.equals("unpack")) {
      List<Object> pack =
          Words.of("pack --model %s --output %s", MODEL, directory.resolve("packed"));
      InProcess.run(pack).succeeds();
    }
    Path file = directory.resolve(place.file);
    Files.deleteIfExists(file);
    kind.put(file);
    Object[] words = words(place, file);
    Ended result = assertTimeoutPreemptively(SOON, () -> InProcess.run(words));
    Files.delete(file);
    assertThat(result.exitCode())
        .as(result.err())
        .isEqualTo(place.command.equals("verify") ? 5 : 3);
    assertThat(result.err().lines()).singleElement().asString().doesNotContain("Exception");
    assertThat(result.out() + result.err()).contains(file.toString());
    if (!NAMED_OTHERWISE.contains(place)) {
      assertThat(result.out() + result.err())
          .contains("expected a regular file, found " + kind.inWords);
    }
  }

  private Object[] words(Place place, Path file) {
    Stream.Builder<Object> words = Stream.builder();
    for (String word : place.command.split(" ")) {
      words.add(word);
    }
    if (place.command.endsWith("--text")
        || place.command.endsWith("--tokens")
        || place.command.endsWith("--calibration")
        || place.command.endsWith("--statistics")) {
      words.add(file);
    }
    if (place.command.equals("verify")) {
      words.add("--dense").add(MODEL).add("--pruned").add(directory.resolve("pruned"));
      return words.add("--sparsity").add("0.5").build().toArray();
    }
    String model = place.command.equals("unpack") ? "packed" : "model";
    words.add("--model").add(directory.resolve(model)).add("--quiet");
    if (place.command.startsWith("merge")) {
      words.add("--adapter").add(directory.resolve("adapter"));
    }
    if (!place.command.startsWith("inspect") && !place.command.startsWith("perplexity")) {
      words.add("--output").add(directory.resolve("out"));
    }
    return words.build().toArray();
  }
}
