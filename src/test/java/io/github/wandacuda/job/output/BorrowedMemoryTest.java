package io.github.wandacuda.job.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.checkpoint.DirectIo;
import io.github.wandacuda.checkpoint.DirectIo.IoMode;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.system.BackgroundWork;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.SafetensorsBytes;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** Weights of several pieces and an odd length, that somebody writes while they are used. */
@ParameterizedClass
@EnumSource(IoMode.class)
@Timeout(60)
class BorrowedMemoryTest {
  private static final int FIRST = (2 << 20) + 4096 + 2;
  private static final int SECOND = 1001;

  @TempDir Path folder;
  @AutoClose private final DirectIo io;
  @AutoClose private final BackgroundWork background = new BackgroundWork("test");
  private final BorrowedMemory borrowed = new BorrowedMemory(background);
  private Path source;

  BorrowedMemoryTest(IoMode mode) {
    io = DirectIo.of(mode);
  }

  @BeforeEach
  void writeSource() throws IOException {
    Random random = new Random(5);
    byte[] first = new byte[FIRST];
    byte[] second = new byte[SECOND];
    random.nextBytes(first);
    random.nextBytes(second);
    source =
        new SafetensorsBytes()
            .raw("first", "U8", first, FIRST)
            .raw("second", "U8", second, SECOND)
            .write(folder.resolve("source"));
  }

  private static MemorySegment read(SafetensorsFile file, TensorInfo tensor, Arena arena) {
    MemorySegment bytes = arena.allocate(tensor.bytes());
    file.read(tensor, 0, bytes);
    return bytes;
  }

  @Test
  void theyAreWrittenToTheByteAndInTheirOrder() {
    Path target = folder.resolve("target");
    List<String> written = new ArrayList<>();
    try (SafetensorsFile file = SafetensorsFile.open(source);
        Arena arena = Arena.ofShared();
        ShardWriter writer = ShardWriter.create(target, file, io);
        borrowed) {
      for (TensorInfo tensor : file.tensors().reversed()) {
        MemorySegment weight = read(file, tensor, arena);
        borrowed.write(writer, tensor, weight, () -> written.add(tensor.name()));
      }
      borrowed.await();
      assertThat(written).containsExactly("second", "first");
    }
    assertThat(target).hasSameBinaryContentAs(source);
  }

  @Test
  void oneWhoStopsMayFreeThemAndNothingIsSaidToBeWritten() throws InterruptedException {
    List<String> written = new ArrayList<>();
    CountDownLatch stopped = new CountDownLatch(1);
    try (SafetensorsFile file = SafetensorsFile.open(source)) {
      ShardWriter writer = ShardWriter.create(folder.resolve("target"), file, io);
      background.submit(() -> await(stopped));
      try (Arena arena = Arena.ofShared();
          borrowed) {
        TensorInfo tensor = file.tensors().getFirst();
        borrowed.write(writer, tensor, read(file, tensor, arena), () -> written.add("it"));
      }
      stopped.countDown();
      assertThatCode(background::await).doesNotThrowAnyException();
      assertThat(written).isEmpty();
      assertThat(writer.isComplete()).isFalse();
      writer.abandon();
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void onlyTheyAreWaitedFor() {
    CountDownLatch later = new CountDownLatch(1);
    try (SafetensorsFile file = SafetensorsFile.open(source);
        Arena arena = Arena.ofShared()) {
      ShardWriter writer = ShardWriter.create(folder.resolve("target"), file, io);
      TensorInfo tensor = file.tensors().getFirst();
      borrowed.write(writer, tensor, read(file, tensor, arena), () -> {});
      background.submit(() -> await(later));
      borrowed.await();
      later.countDown();
      writer.abandon();
    }
  }

  @Test
  void aFullDiskIsToldAsItIsElsewhere() throws Exception {
    Path disk = Files.createDirectory(folder.resolve("disk"));
    assumeTrue(Command.of("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk).succeeds());
    Path full = disk.resolve("target");
    try (SafetensorsFile file = SafetensorsFile.open(source);
        Arena arena = Arena.ofShared()) {
      ShardWriter writer = ShardWriter.create(full, file, io);
      TensorInfo tensor = file.tensors().getFirst();
      MemorySegment weight = read(file, tensor, arena);
      borrowed.write(writer, tensor, weight, () -> writer.settle(tensor));
      assertThatThrownBy(borrowed::await)
          .isInstanceOf(OutputException.class)
          .hasMessage(full + ": expected to write it, found: No space left on device")
          .hasNoSuppressedExceptions();
      assertThatThrownBy(() -> borrowed.write(writer, tensor, weight, () -> {}))
          .isInstanceOf(OutputException.class);
      borrowed.close();
      writer.abandon();
    } finally {
      assertThat(Command.of("umount", disk).succeeds()).isTrue();
    }
  }
}
