package io.github.wandacuda.job.output;

import io.github.wandacuda.checkpoint.DirectIo;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.system.BackgroundWork;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The output's shards while they are written, each under a temporary name until it is complete. A
 * background thread forces complete shards to the device and gives them their names.
 */
public final class ShardStaging implements AutoCloseable {
  private final OutputDirectory output;
  private final BackgroundWork background = new BackgroundWork("wanda-cuda-files");
  private final List<ShardWriter> open = new ArrayList<>();

  private final Optional<Consumer<Path>> check;
  private final DirectIo io;

  /**
   * Prepares shards.
   *
   * @param output the directory in which they are written
   * @param check checks each shard under its temporary name, on the background thread, before the
   *     shard replaces the one that has its name; nothing for new shards
   * @param io how they are written
   */
  public ShardStaging(OutputDirectory output, Optional<Consumer<Path>> check, DirectIo io) {
    this.output = output;
    this.check = check;
    this.io = io;
  }

  /**
   * Begins a shard.
   *
   * @param source has its name
   * @param layout has its header
   * @param like a file whose modes it gets
   * @return for its tensors' bytes; closed by {@link #complete} or {@link #close}
   */
  public ShardWriter begin(SafetensorsFile source, SafetensorsFile layout, Path like) {
    Path target = output.file(source.path().getFileName());
    Path temporary = AtomicWrite.temporary(target);
    try {
      if (check.isEmpty()) {
        Files.deleteIfExists(target);
      }
      Files.deleteIfExists(temporary);
    } catch (IOException e) {
      throw OutputException.unwritable(target, e);
    }
    ShardWriter writer = ShardWriter.create(temporary, layout, like, io);
    open.add(writer);
    writer.whenMuchIsHeld(() -> background.submit(() -> force(writer)));
    return writer;
  }

  /** Hands over a shard of which every byte is written. It gets its name in the background. */
  public void complete(SafetensorsFile source, ShardWriter writer) {
    open.remove(writer);
    Path target = output.path().resolve(source.path().getFileName());
    background.submit(() -> publish(target, writer));
  }

  private void force(ShardWriter writer) {
    if (!background.isEnding()) {
      writer.force();
    }
  }

  private void publish(Path target, ShardWriter writer) {
    if (background.isEnding()) {
      writer.abandon();
      return;
    }
    Path temporary = AtomicWrite.temporary(target);
    writer.publish(target, () -> check.ifPresent(shard -> shard.accept(temporary)));
  }

  /**
   * Waits until every complete shard has its name.
   *
   * @throws RuntimeException what forcing, checking or renaming one threw
   */
  public void finish() {
    background.await();
  }

  @Override
  public void close() {
    background.close();
    open.forEach(ShardWriter::abandon);
  }
}
