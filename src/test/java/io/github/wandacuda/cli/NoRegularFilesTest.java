package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
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

  /**
   * The files that commands read, and how; in a folder of the test's own, which an @ stands for. A
   * star is before those that have to be there, which are named in words of their own.
   */
  private static final String PLACES =
      """
      model/config.json | inspect --model @model
      model/model.safetensors.index.json | inspect --model @model
      *model/model-00002-of-00003.safetensors | inspect --model @model
      model/tokenizer.json | perplexity --model @model --text testdata/text/heldout.txt
      text.txt | perplexity --model @model --text @text.txt
      tokens.json | perplexity --model @model --tokens @tokens.json
      text.txt | calibrate --model @model --output @out --calibration @text.txt
      text.jsonl | calibrate --model @model --output @out --calibration @text.jsonl
      text.jsonl.gz | calibrate --model @model --output @out --calibration @text.jsonl.gz
      lists.json | calibrate --model @model --output @out --calibration @lists.json
      *norms.safetensors | prune --model @model --output @out --statistics @norms.safetensors
      norms.gguf | prune --model @model --output @out --statistics @norms.gguf
      norms.dat | prune --model @model --output @out --statistics @norms.dat
      *masks.safetensors | prune --method masks --model @model --output @out --masks @masks.safetensors
      *pruned/config.json | prune --method masks --model @model --output @out --masks @pruned
      *pruned/model-00002-of-00003.safetensors | prune --method masks --model @model --output @out --masks @pruned
      pruned/wanda-cuda.json | verify --dense @model --pruned @pruned --sparsity 0.5
      *pruned/config.json | verify --dense @model --pruned @pruned --sparsity 0.5
      *pruned/model-00002-of-00003.safetensors | verify --dense @model --pruned @pruned --sparsity 0.5
      model/config.json | pack --model @model --output @out
      packed/config.json | unpack --model @packed --output @out
      packed/model.safetensors.index.json | unpack --model @packed --output @out
      *packed/model-00002-of-00003.safetensors | unpack --model @packed --output @out
      """;

  static Stream<Arguments> all() {
    return PLACES
        .lines()
        .map(line -> line.split(" [|] "))
        .flatMap(
            place ->
                Stream.of(Kind.values())
                    .filter(
                        kind ->
                            kind == Kind.PIPE
                                || place[1].startsWith("inspect")
                                    && place[0].endsWith("config.json")
                                || place[1].startsWith("perplexity") && place[0].equals("text.txt")
                                || place[0].equals("norms.gguf")
                                || place[0].equals("pruned/wanda-cuda.json"))
                    .map(kind -> Arguments.of(place[0], place[1], kind)));
  }

  @ParameterizedTest
  @MethodSource("all")
  @FirstCases(8)
  void areRefused(String place, String command, Kind kind) throws IOException {
    TestData.copy(MODEL, directory.resolve("model"));
    TestData.copy(MODEL, directory.resolve("pruned"));
    Files.writeString(directory.resolve("pruned/wanda-cuda.json"), "{}");
    if (command.startsWith("unpack")) {
      InProcess.packed(MODEL, directory.resolve("packed"));
    }
    Path file = directory.resolve(place.replace("*", ""));
    Files.deleteIfExists(file);
    kind.put(file);
    boolean verify = command.startsWith("verify");
    Object[] words =
        (verify ? command : command + " --quiet").replace("@", directory + "/").split(" ");
    Ended result = assertTimeoutPreemptively(SOON, () -> InProcess.run(words));
    Files.delete(file);
    assertThat(result.exitCode()).as(result.err()).isEqualTo(verify ? 5 : 3);
    assertThat(result.err().lines()).singleElement().asString().doesNotContain("Exception");
    assertThat(result.said()).contains(file.toString());
    if (!place.startsWith("*")) {
      assertThat(result.said()).contains("expected a regular file, found " + kind.inWords);
    }
  }
}
