package io.github.wandacuda.testing;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/** Changes to files as broken disks and other programs make them. */
public final class Damage {
  private Damage() {}

  @FunctionalInterface
  private interface Work {
    void on(RandomAccessFile file) throws IOException;
  }

  private static void to(Path path, Work work) {
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      work.on(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void seek(RandomAccessFile file, long at) throws IOException {
    file.seek(at < 0 ? file.length() + at : at);
  }

  /** Writes bytes at a place, which counts from the end where it is negative. */
  public static void put(Path path, long at, byte... bytes) {
    to(
        path,
        file -> {
          seek(file, at);
          file.write(bytes);
        });
  }

  /** Turns bits of the byte at a place, which counts from the end where it is negative. */
  public static void flip(Path path, long at, int bits) {
    to(
        path,
        file -> {
          seek(file, at);
          int before = file.read();
          seek(file, at);
          file.write(before ^ bits);
        });
  }

  /** Cuts a file, or adds zeros to it. */
  public static void resize(Path path, long more) {
    to(path, file -> file.setLength(Math.max(0, file.length() + more)));
  }

  /** Makes a few weights of a model in BF16 that has three shards no numbers. */
  public static void nan(Path model) {
    byte[] bytes = {(byte) 0xc0, 0x7f, (byte) 0xc0, 0x7f, (byte) 0xc0, 0x7f};
    put(model.resolve("model-00002-of-00003.safetensors"), -2 * 192 * 64, bytes);
  }
}
