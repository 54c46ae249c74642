package io.github.wandacuda.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.checkpoint.DirectIo.FileOpener;
import io.github.wandacuda.checkpoint.DirectIo.IoMode;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(300)
class DirectIoTest {
  private static final int MIB = 1 << 20;

  @TempDir Path folder;
  private Path file;
  private final Random random = new Random(7);

  @BeforeEach
  void name() {
    file = folder.resolve("file");
  }

  private byte[] bytes(int count) {
    byte[] bytes = new byte[count];
    random.nextBytes(bytes);
    return bytes;
  }

  private record Piece(int from, int to) {}

  /** Cuts a file into pieces of odd sizes, some within a page and some over several blocks. */
  private List<Piece> pieces(int length, int most) {
    List<Piece> pieces = new ArrayList<>();
    for (int at = 0; at < length; at = pieces.getLast().to()) {
      pieces.add(new Piece(at, Math.min(length, at + 1 + random.nextInt(most))));
    }
    Collections.shuffle(pieces, random);
    return pieces;
  }

  private FileChannel open() throws IOException {
    return FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 511, 4096, 4097, 40_001, MIB, MIB + 1, 5 * MIB + 12_345})
  void piecesOfAnySizeInAnyOrderMakeTheFile(int length) throws Exception {
    byte[] content = bytes(length);
    try (DirectIo io = DirectIo.of(IoMode.AUTO);
        FileChannel plain = open();
        ExecutorService threads = Executors.newFixedThreadPool(3);
        BlockWriter blocks = blocks(io, plain, length)) {
      List<Future<?>> done = new ArrayList<>();
      for (Piece piece : pieces(length, length < MIB ? 9_000 : 300_000)) {
        done.add(threads.submit(() -> write(blocks, content, piece)));
      }
      for (Future<?> each : done) {
        each.get();
      }
      blocks.flush(0, Long.MAX_VALUE);
    }
    assertThat(file).hasBinaryContent(content);
  }

  private BlockWriter blocks(DirectIo io, FileChannel plain, long length) throws IOException {
    Optional<BlockWriter> writer = io.writer(file, plain, length);
    assumeTrue(writer.isPresent());
    return writer.get();
  }

  private static Void write(BlockWriter blocks, byte[] content, Piece piece) throws IOException {
    MemorySegment all = MemorySegment.ofArray(content);
    blocks.write(all.asSlice(piece.from(), piece.to() - piece.from()), piece.from());
    return null;
  }

  /** More blocks are begun than there is memory for, so those begun first are written in parts. */
  @Test
  @Thorough
  void blocksThatStayIncompleteAreWrittenInParts() throws Exception {
    int length = 130 * MIB;
    byte[] content = bytes(length);
    try (DirectIo io = DirectIo.of(IoMode.AUTO);
        FileChannel plain = open();
        BlockWriter blocks = blocks(io, plain, length)) {
      for (int half = 0; half < 2; half++) {
        for (int at = half * MIB / 2; at < length; at += MIB) {
          int from = half == 0 ? at : at + 1001;
          int to = half == 0 ? at + MIB / 2 + 1001 : at + MIB / 2;
          write(blocks, content, new Piece(from, to));
        }
      }
      blocks.flush(0, Long.MAX_VALUE);
    }
    assertThat(Files.mismatch(file, Files.write(folder.resolve("same"), content))).isEqualTo(-1);
  }

  @Test
  void whatWasFlushedIsInTheFileBeforeItsBlockIsWhole() throws Exception {
    byte[] content = bytes(3 * MIB);
    try (DirectIo io = DirectIo.of(IoMode.AUTO);
        FileChannel plain = open();
        BlockWriter blocks = blocks(io, plain, content.length)) {
      write(blocks, content, new Piece(100, MIB + 5000));
      blocks.flush(0, Long.MAX_VALUE);
      byte[] there = Files.readAllBytes(file);
      assertThat(MemorySegment.ofArray(there).asSlice(100))
          .matches(part -> part.mismatch(slice(content, 100, MIB + 5000)) == -1);
      write(blocks, content, new Piece(MIB + 5000, content.length));
      write(blocks, content, new Piece(0, 100));
      blocks.flush(0, Long.MAX_VALUE);
    }
    assertThat(file).hasBinaryContent(content);
  }

  private static MemorySegment slice(byte[] content, int from, int to) {
    return MemorySegment.ofArray(content).asSlice(from, to - from);
  }

  /** Opens a file of the system's that refuses every write, whatever it is asked to open. */
  private static FileOpener opener(String refusing) {
    Path file = Path.of(refusing);
    assumeTrue(Files.isWritable(file));
    return (path, access) -> {
      FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
      return Optional.of(new FileOpener.Opened(channel, 4096));
    };
  }

  @Test
  void aWriteThatIsRefusedGoesThroughThePageCache() throws Exception {
    byte[] content = bytes(2 * MIB + 77);
    List<String> warnings = new ArrayList<>();
    // It takes a short number, and says of all else what a file system says of direct I/O.
    FileOpener refusing = opener("/proc/self/oom_score_adj");
    try (DirectIo io = new DirectIo(IoMode.DIRECT, refusing, warnings::add);
        FileChannel plain = open();
        BlockWriter blocks = io.writer(file, plain, content.length).orElseThrow()) {
      write(blocks, content, new Piece(0, content.length));
      blocks.flush(0, Long.MAX_VALUE);
    }
    assertThat(warnings).hasSize(1).first().asString().contains("takes no direct I/O");
    assertThat(file).hasBinaryContent(content);
  }

  @Test
  void anErrorOfTheDeviceComesWithTheFlushAndStays() throws Exception {
    try (DirectIo io = new DirectIo(IoMode.AUTO, opener("/dev/full"), warning -> {});
        FileChannel plain = open();
        BlockWriter blocks = io.writer(file, plain, MIB).orElseThrow()) {
      write(blocks, bytes(MIB), new Piece(0, MIB));
      assertThatThrownBy(() -> blocks.flush(0, MIB))
          .isInstanceOf(IOException.class)
          .hasMessage("No space left on device");
      assertThatThrownBy(() -> write(blocks, new byte[1], new Piece(0, 1)))
          .hasMessage("No space left on device");
    }
  }

  @Test
  void aFileSystemThatTakesNoneIsToldOfOnceWhereItWasAskedFor() throws Exception {
    FileOpener none =
        (path, access) -> {
          throw new IOException("Invalid argument");
        };
    try (FileChannel plain = open()) {
      assertThat(warnings(IoMode.AUTO, none, plain)).isEmpty();
      assertThat(warnings(IoMode.DIRECT, none, plain)).hasSize(1);
      assertThat(warnings(IoMode.DIRECT, (path, access) -> Optional.empty(), plain)).hasSize(1);
    }
  }

  private List<String> warnings(IoMode mode, FileOpener opener, FileChannel plain) {
    List<String> warnings = new ArrayList<>();
    try (DirectIo io = new DirectIo(mode, opener, warnings::add)) {
      assertThat(io.writer(file, plain, 10)).isEmpty();
      assertThat(io.deviceReader(file, 10)).isEmpty();
    }
    return warnings;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4095, 4096, MIB - 1, 7 * MIB + 333})
  void anyPartIsReadFromTheDeviceOrTheCache(int length) throws Exception {
    byte[] content = bytes(length);
    Files.write(file, content);
    try (DirectIo io = DirectIo.of(IoMode.AUTO);
        FileChannel plain = FileChannel.open(file);
        Arena arena = Arena.ofConfined()) {
      Optional<BlockReader> device = io.deviceReader(file, length);
      assumeTrue(device.isPresent());
      for (Piece piece : pieces(length, 400_000)) {
        MemorySegment part = arena.allocate(piece.to() - piece.from());
        assertThat(device.get().read(piece.from(), length, part)).isEqualTo(part.byteSize());
        assertThat(part.mismatch(slice(content, piece.from(), piece.to()))).isEqualTo(-1);
      }
      Optional<BlockReader> cached = io.reader(file, plain, length);
      assumeTrue(cached.isPresent());
      // It was written just now, so the page cache has it.
      assertThat(cached.get().read(0, length, arena.allocate(length))).isIn(0L, (long) length);
    }
  }

  @Test
  void severalThreadsReadSeveralFiles() throws Exception {
    byte[] content = bytes(40 * MIB + 1);
    Files.write(file, content);
    Path other = Files.write(folder.resolve("other"), content);
    try (DirectIo io = DirectIo.of(IoMode.AUTO);
        ExecutorService threads = Executors.newFixedThreadPool(8)) {
      List<Optional<BlockReader>> readers =
          List.of(io.deviceReader(file, content.length), io.deviceReader(other, content.length));
      assumeTrue(readers.stream().allMatch(Optional::isPresent));
      List<Future<Boolean>> same = new ArrayList<>();
      for (Piece piece : pieces(content.length, 700_000)) {
        for (Optional<BlockReader> reader : readers) {
          same.add(threads.submit(() -> isSame(reader.get(), content, piece)));
        }
      }
      for (Future<Boolean> each : same) {
        assertThat(each.get()).isTrue();
      }
    }
  }

  private static boolean isSame(BlockReader reader, byte[] content, Piece piece)
      throws IOException {
    MemorySegment part = MemorySegment.ofArray(new byte[piece.to() - piece.from()]);
    return reader.read(piece.from(), content.length, part) == part.byteSize()
        && part.mismatch(slice(content, piece.from(), piece.to())) == -1;
  }

  @Test
  void aFileThatWasCutEndsEarly() throws Exception {
    Files.write(file, bytes(2 * MIB));
    try (DirectIo io = DirectIo.of(IoMode.AUTO)) {
      Optional<BlockReader> reader = io.deviceReader(file, 2 * MIB);
      assumeTrue(reader.isPresent());
      try (FileChannel cut = FileChannel.open(file, StandardOpenOption.WRITE)) {
        cut.truncate(MIB + 100);
      }
      MemorySegment all = MemorySegment.ofArray(new byte[2 * MIB]);
      assertThat(reader.get().read(0, 2 * MIB, all)).isEqualTo(MIB + 100);
    }
  }

  @Test
  void afterItsEndAReaderReadsNothing() throws Exception {
    Files.write(file, bytes(MIB));
    Optional<BlockReader> reader;
    try (DirectIo io = DirectIo.of(IoMode.AUTO)) {
      reader = io.deviceReader(file, MIB);
      assumeTrue(reader.isPresent());
      reader.get().read(0, MIB, MemorySegment.ofArray(new byte[100]));
    }
    assertThat(reader.get().read(0, MIB, MemorySegment.ofArray(new byte[100]))).isZero();
  }

  @Test
  void anInterruptEndsTheWaitForABlockAndClosesNothing() throws Exception {
    Files.write(file, bytes(2 * MIB));
    try (DirectIo io = DirectIo.of(IoMode.AUTO)) {
      Optional<BlockReader> reader = io.deviceReader(file, 2 * MIB);
      assumeTrue(reader.isPresent());
      MemorySegment part = MemorySegment.ofArray(new byte[100]);
      Thread.currentThread().interrupt();
      assertThatThrownBy(() -> reader.get().read(0, MIB, part))
          .isInstanceOf(CancelledException.class);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(reader.get().read(0, MIB, part)).isEqualTo(100);
    }
  }

  /** Written twice, a block's memory would be given to two others at the end. */
  @Test
  void aBlockThatGetsWholeWhileAFlushWaitsForItIsWrittenOnce() throws Exception {
    List<Runnable> writes = Collections.synchronizedList(new ArrayList<>());
    try (Arena arena = Arena.ofShared();
        DirectIo io = DirectIo.of(IoMode.DIRECT);
        FileChannel plain = open()) {
      WriteQueue queue = new WriteQueue(writes::add, arena);
      FileOpener.Opened direct = new FileOpener.Opened(plain, BlockWriter.PAGE);
      BlockWriter writer = new BlockWriter(io, queue, plain, direct, BlockWriter.BLOCK);
      WriteQueue.OpenBlock block = queue.enter(writer, 0, BlockWriter.BLOCK);
      FutureTask<Void> flush = new FutureTask<>(() -> flush(queue, writer));
      Thread flushing = Thread.ofPlatform().daemon().start(flush);
      awaitWaiting(flushing);
      queue.leave(block, 0, BlockWriter.BLOCK);
      Thread.sleep(50);
      awaitWaiting(flushing);
      assertThat(writes).hasSize(1);
      writes.getFirst().run();
      flush.get();
    }
  }

  private static Void flush(WriteQueue queue, BlockWriter writer) throws IOException {
    queue.flush(writer, 0, BlockWriter.BLOCK);
    return null;
  }

  private static void awaitWaiting(Thread thread) throws InterruptedException {
    while (thread.getState() != Thread.State.WAITING) {
      Thread.sleep(1);
    }
  }
}
