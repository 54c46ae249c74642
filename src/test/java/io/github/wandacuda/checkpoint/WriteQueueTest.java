package io.github.wandacuda.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.checkpoint.DirectIo.FileOpener;
import io.github.wandacuda.checkpoint.DirectIo.IoMode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class WriteQueueTest {
  @TempDir Path folder;

  /** Written twice, a block's memory would be given to two others at the end. */
  @Test
  void aBlockThatGetsWholeWhileAFlushWaitsForItIsWrittenOnce() throws Exception {
    List<Runnable> writes = Collections.synchronizedList(new ArrayList<>());
    try (Arena arena = Arena.ofShared();
        DirectIo io = DirectIo.of(IoMode.DIRECT);
        FileChannel plain =
            FileChannel.open(
                folder.resolve("file"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      WriteQueue queue = new WriteQueue(writes::add, arena);
      FileOpener.Opened direct = new FileOpener.Opened(plain, BlockWriter.PAGE);
      BlockWriter file = new BlockWriter(io, queue, plain, direct, BlockWriter.BLOCK);
      WriteQueue.OpenBlock block = queue.enter(file, 0, BlockWriter.BLOCK);
      FutureTask<Void> flush = new FutureTask<>(() -> flush(queue, file));
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

  private static Void flush(WriteQueue queue, BlockWriter file) throws IOException {
    queue.flush(file, 0, BlockWriter.BLOCK);
    return null;
  }

  private static void awaitWaiting(Thread thread) throws InterruptedException {
    while (thread.getState() != Thread.State.WAITING) {
      Thread.sleep(1);
    }
  }
}
