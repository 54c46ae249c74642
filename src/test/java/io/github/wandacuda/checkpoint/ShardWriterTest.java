package io.github.wandacuda.checkpoint;

import static io.github.wandacuda.checkpoint.TestFiles.assertInputError;
import static io.github.wandacuda.checkpoint.TestFiles.assertOutputError;
import static io.github.wandacuda.checkpoint.TestFiles.entry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.checkpoint.DirectIo.IoMode;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.TensorBytes;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

@ParameterizedClass
@EnumSource(IoMode.class)
class ShardWriterTest {
  private static final Path FULL = Path.of("/dev/full");

  @TempDir Path folder;
  @AutoClose private final DirectIo io;
  private Path source;
  private Path target;

  ShardWriterTest(IoMode mode) {
    io = DirectIo.of(mode);
  }

  @BeforeEach
  void writeSource() throws IOException {
    source = folder.resolve("source.safetensors");
    target = folder.resolve("target.safetensors");
    TestFiles.write(
        source,
        new byte[] {1, 2, 3, 4, 5, 6},
        entry("a", "U8", "[2]", 0, 2),
        entry("empty", "F32", "[0]", 2, 2),
        entry("b", "F16", "[2]", 2, 6));
  }

  private static MemorySegment segment(int... bytes) {
    byte[] array = new byte[bytes.length];
    IntStream.range(0, bytes.length).forEach(i -> array[i] = (byte) bytes[i]);
    return MemorySegment.ofArray(array);
  }

  private static void copy(ShardWriter writer, SafetensorsFile source, TensorInfo info) {
    MemorySegment bytes = MemorySegment.ofArray(new byte[(int) info.bytes()]);
    source.read(info, 0, bytes);
    writer.write(info, 0, bytes);
  }

  private static TensorInfo tensor(SafetensorsFile file, String name) {
    return file.tensor(name).orElseThrow();
  }

  private byte[] targetData() throws IOException {
    byte[] content = Files.readAllBytes(target);
    try (var written = SafetensorsFile.open(target)) {
      return Arrays.copyOfRange(content, (int) written.dataOffset(), content.length);
    }
  }

  @Test
  void realShardsAreCopiedByteForByteFromSeveralThreads() throws Exception {
    try (var checkpoint = Checkpoint.open(TestFiles.TINY_LLAMA);
        ExecutorService threads = Executors.newFixedThreadPool(4)) {
      for (SafetensorsFile shard : checkpoint.shards()) {
        try (var writer = ShardWriter.create(target, shard, io)) {
          List<? extends Future<?>> copies =
              shard.tensors().reversed().stream()
                  .map(info -> threads.submit(() -> copy(writer, shard, info)))
                  .toList();
          for (Future<?> copy : copies) {
            copy.get();
          }
        }
        assertThat(target).hasSameBinaryContentAs(shard.path());
      }
    }
  }

  @Test
  void muchInThePageCacheIsTold() throws IOException {
    assumeTrue(!io.isDirect(), "past the page cache the device has it already");
    long bytes = 260L << 20;
    TestFiles.sparse(source, bytes, entry("large", "U8", "[%d]".formatted(bytes), 0, bytes));
    MemorySegment piece = MemorySegment.ofArray(new byte[4 << 20]);
    AtomicInteger calls = new AtomicInteger();
    try (var layout = SafetensorsFile.open(source);
        var writer = ShardWriter.create(target, layout, io)) {
      writer.whenMuchIsHeld(calls::incrementAndGet);
      for (long at = 0; at < bytes; at += piece.byteSize()) {
        writer.write(tensor(layout, "large"), at, piece);
        assertThat(calls.get()).isEqualTo(at < 252L << 20 ? 0 : 1);
      }
    }
  }

  @Test
  void piecesGoWhereTheyBelong() throws IOException {
    try (var layout = SafetensorsFile.open(source);
        var writer = ShardWriter.create(target, layout, io)) {
      writer.write(tensor(layout, "b"), 3, segment(13));
      writer.write(tensor(layout, "b"), 0, segment(10, 11, 12));
      writer.write(tensor(layout, "empty"), 0, segment());
      copy(writer, layout, tensor(layout, "a"));
    }
    assertThat(targetData()).containsExactly(1, 2, 10, 11, 12, 13);
  }

  @Test
  void whateverWasThereIsReplaced() throws IOException {
    Files.write(target, new byte[10_000]);
    copyAll();
    assertThat(target).hasSameBinaryContentAs(source);
  }

  private void copyAll() {
    try (var layout = SafetensorsFile.open(source);
        var writer = ShardWriter.create(target, layout, io)) {
      layout.tensors().forEach(info -> copy(writer, layout, info));
    }
  }

  @Test
  void aHoleIsNeverSilent() throws IOException {
    try (var layout = SafetensorsFile.open(source)) {
      ShardWriter writer = ShardWriter.create(target, layout, io);
      copy(writer, layout, tensor(layout, "b"));
      writer.write(tensor(layout, "a"), 1, segment(7));
      assertOutputError(
          writer::close, target + ": tensor a: expected 2 bytes to be written, found 1");
      writer.close();
    }
  }

  @Test
  void aFileThatSomebodyElseCutIsNoticed() throws IOException {
    try (var layout = SafetensorsFile.open(source)) {
      ShardWriter writer = ShardWriter.create(target, layout, io);
      layout.tensors().forEach(info -> copy(writer, layout, info));
      writer.force();
      TestFiles.truncate(target, 20);
      assertOutputError(writer::close, target + ": expected " + Files.size(source) + " bytes");
    }
  }

  @Test
  void writingOutsideOrTwiceIsAMistakeOfTheCaller() throws IOException {
    try (var layout = SafetensorsFile.open(source)) {
      ShardWriter writer = ShardWriter.create(target, layout, io);
      TensorInfo a = tensor(layout, "a");
      assertThatThrownBy(() -> writer.write(a, 1, segment(1, 2)))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> writer.write(a, -1, segment(1)))
          .isInstanceOf(IllegalArgumentException.class);
      TensorInfo other = new TensorInfo("a", "U8", List.of(6L), 0, 6);
      assertThatThrownBy(() -> writer.write(other, 0, segment(1)))
          .isInstanceOf(IllegalArgumentException.class);
      copy(writer, layout, a);
      assertThatThrownBy(() -> copy(writer, layout, a)).isInstanceOf(IllegalStateException.class);
      writer.close();
    }
  }

  @Test
  void theModelsOwnShardIsNotStartedAnew() throws IOException {
    Path link = Files.createSymbolicLink(folder.resolve("link"), source);
    byte[] before = Files.readAllBytes(source);
    try (var layout = SafetensorsFile.open(source)) {
      assertOutputError(
          () -> ShardWriter.create(link, layout, io).close(), link + ": expected another");
    }
    assertThat(source).hasBinaryContent(before);
  }

  @Test
  void anInterruptedShardIsGoneOnWith() throws IOException {
    try (var layout = SafetensorsFile.open(source)) {
      ShardWriter first = ShardWriter.create(target, layout, io);
      first.write(tensor(layout, "a"), 0, segment(8, 9));
      first.settle(tensor(layout, "a"));
      first.write(tensor(layout, "b"), 0, segment(7));
      first.abandon();
      try (var second = ShardWriter.resume(target, layout, info -> info.name().equals("a"), io)) {
        copy(second, layout, tensor(layout, "b"));
      }
      assertThat(targetData()).containsExactly(8, 9, 3, 4, 5, 6);
    }
  }

  @Test
  void theModelsOwnShardCanBeWrittenInPlace() throws IOException {
    try (var layout = SafetensorsFile.open(source);
        var writer = ShardWriter.inPlace(layout, info -> !info.name().equals("b"), io)) {
      writer.write(tensor(layout, "b"), 0, segment(0, 0, 5, 6));
      writer.force();
      assertThat(TensorBytes.of(layout, tensor(layout, "b"))).containsExactly(0, 0, 5, 6);
    }
  }

  @Test
  void aShardThatIsNotTheOneToGoOnWithIsRefused() throws IOException {
    try (var layout = SafetensorsFile.open(source)) {
      assertOutputError(() -> resume(layout), target + ": expected to write it", "no such file");
      Files.write(target, new byte[10_000]);
      assertOutputError(() -> resume(layout), target + ": expected the header of " + source);
      Files.write(target, new byte[10]);
      assertOutputError(() -> resume(layout), target + ": expected the header of");
      Files.write(target, layout.headerBytes());
      assertOutputError(
          () -> resume(layout), target + ": tensor a: expected its data up to byte", "found");
    }
  }

  @Test
  void aShardThatIsTooLongIsCutToItsLength() throws IOException {
    try (var layout = SafetensorsFile.open(source)) {
      Files.copy(source, target);
      TestFiles.truncate(target, Files.size(source) + 1);
      ShardWriter.resume(target, layout, info -> true, io).close();
      assertThat(Files.mismatch(source, target)).isEqualTo(-1);
    }
  }

  @Test
  void nothingIsWrittenThroughAnotherName() throws IOException {
    byte[] before = Files.readAllBytes(source);
    try (var layout = SafetensorsFile.open(source)) {
      Files.createLink(target, source);
      assertOutputError(() -> resume(layout), target + ": expected another", "model's");
      assertOutputError(
          () -> ShardWriter.create(target, layout, io).close(), target + ": expected another");
      Files.delete(target);
      Path precious = Files.copy(source, folder.resolve("precious"));
      Files.createLink(target, precious);
      assertOutputError(() -> resume(layout), "second name");
      assertOutputError(() -> ShardWriter.create(target, layout, io).close(), "second name");
      Files.delete(target);
      Files.createSymbolicLink(target, precious);
      assertOutputError(() -> resume(layout), "a link");
      assertOutputError(() -> ShardWriter.create(target, layout, io).close(), "a link");
      assertThat(precious).hasBinaryContent(before);
    }
    assertThat(source).hasBinaryContent(before);
  }

  private void resume(SafetensorsFile layout) {
    ShardWriter.resume(target, layout, info -> info.name().equals("a"), io).close();
  }

  @Test
  void aSourceThatShrankIsAnInputError() throws IOException {
    int bytes = 3 << 20;
    TestFiles.sparse(source, bytes, entry("t", "U8", "[" + bytes + "]", 0, bytes));
    try (var layout = SafetensorsFile.open(source);
        var writer = ShardWriter.create(target, layout, io)) {
      TestFiles.truncate(source, 4096);
      assertInputError(
          () -> copy(writer, layout, layout.tensors().getFirst()), source + ": expected");
      writer.abandon();
    }
  }

  @Test
  void moreThanFourGibibytesAreWrittenWhereTheyBelong() throws IOException {
    long bytes = 5L << 30;
    TestFiles.sparse(source, bytes, entry("big", "U8", "[" + bytes + "]", 0, bytes));
    try (var layout = SafetensorsFile.open(source)) {
      ShardWriter writer = ShardWriter.create(target, layout, io);
      TensorInfo big = layout.tensors().getFirst();
      writer.write(big, bytes - 3, segment(1, 2, 3));
      writer.write(big, (4L << 30) + 1, segment(4));
      assertOutputError(writer::close, "tensor big: expected " + bytes + " bytes", "found 4");
      try (var written = SafetensorsFile.open(target)) {
        MemorySegment end = MemorySegment.ofArray(new byte[3]);
        written.read(big, bytes - 3, end);
        assertThat(end.toArray(ValueLayout.JAVA_BYTE)).containsExactly(1, 2, 3);
        MemorySegment middle = MemorySegment.ofArray(new byte[3]);
        written.read(big, 4L << 30, middle);
        assertThat(middle.toArray(ValueLayout.JAVA_BYTE)).containsExactly(0, 4, 0);
      }
    }
  }

  @Test
  void aPlaceThatCannotBeWrittenIsAnOutputError() throws IOException {
    try (var layout = SafetensorsFile.open(source)) {
      Path nowhere = folder.resolve("none/x");
      assertOutputError(
          () -> ShardWriter.create(nowhere, layout, io).close(),
          nowhere + ": expected to write it, found: no such file or folder");
      assertOutputError(
          () -> ShardWriter.create(folder, layout, io).close(), folder + ": expected");
    }
  }

  @Test
  void aFullDeviceIsAnOutputError() {
    assumeTrue(Files.exists(FULL));
    try (var layout = SafetensorsFile.open(source)) {
      assertOutputError(
          () -> ShardWriter.create(FULL, layout, io).close(),
          "/dev/full: expected to write it, found: No space left on device");
    }
  }

  @Test
  void aDiskThatFillsUpIsAnOutputErrorAndNothingElse() throws Exception {
    int bytes = 3 << 20;
    TestFiles.sparse(source, bytes, entry("t", "U8", "[" + bytes + "]", 0, bytes));
    Path disk = Files.createDirectory(folder.resolve("disk"));
    assumeTrue(Command.of("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk).succeeds());
    try (var layout = SafetensorsFile.open(source)) {
      Path full = disk.resolve("x.safetensors");
      assertThatThrownBy(
              () -> {
                try (var writer = ShardWriter.create(full, layout, io)) {
                  copy(writer, layout, layout.tensors().getFirst());
                }
              })
          .isInstanceOf(OutputException.class)
          .hasMessage(full + ": expected to write it, found: No space left on device")
          .hasNoSuppressedExceptions();
    } finally {
      assertThat(Command.of("umount", disk).succeeds()).isTrue();
    }
  }
}
