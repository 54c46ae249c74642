package io.github.wandacuda.hub;

import io.github.wandacuda.checkpoint.BlockWriter;
import io.github.wandacuda.checkpoint.DirectIo;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.hub.HubListing.HubFile;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FilePieces;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.system.Sha256;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.Optional;
import java.util.function.LongConsumer;

/**
 * A file that arrives in pieces, in any order. A second file has a byte for each piece, 1 for one
 * that is there, so that another run goes on where this one broke. What pieces are there in turn is
 * digested while others arrive; the file gets its name when the digest is right.
 */
final class PartialFile implements AutoCloseable {
  private static final int MOST_WAITING = 4;

  private final HubFile file;
  private final int size;
  private final DirectIo io;
  private final Path data;
  private final Path marks;
  private final BitSet there = new BitSet();
  private final MessageDigest digest;
  private FileChannel channel;

  /** Writes to it past the page cache; nothing if that can't be. */
  private Optional<BlockWriter> blocks = Optional.empty();

  private FileChannel markChannel;
  private int digested;
  private int waiting;

  /**
   * Looks at what an earlier run left.
   *
   * @param size of a piece
   * @param folder in which the file arrives
   * @throws OutputException if something else has the name of a file that is to be written
   */
  PartialFile(HubFile file, int size, DownloadFolder folder, DirectIo io) {
    this.file = file;
    this.size = size;
    this.io = io;
    data = folder.data(file);
    marks = folder.marks(file);
    digest = digest(file);
    OutputException.writing(data, this::look);
  }

  private static MessageDigest digest(HubFile file) {
    if (file.hash().length() == 2 * Sha256.digest().getDigestLength()) {
      return Sha256.digest();
    }
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-1");
      digest.update("blob %d\0".formatted(file.size()).getBytes(StandardCharsets.US_ASCII));
      return digest;
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-1", e);
    }
  }

  /** Returns whether a file has the content that the Hub says. */
  static boolean isWhole(HubFile file, Path path) throws IOException {
    MessageDigest digest = digest(file);
    try (InputStream in = new DigestInputStream(InputFile.stream(path), digest)) {
      in.transferTo(OutputStream.nullOutputStream());
    }
    return HexFormat.of().formatHex(digest.digest()).equals(file.hash());
  }

  private void look() throws IOException {
    boolean begun = DownloadFolder.requireOwn(data) & DownloadFolder.requireOwn(marks);
    if (!begun) {
      return;
    }
    long written = Files.size(data);
    byte[] marked;
    try (var in = InputFile.stream(marks)) {
      marked = in.readNBytes(pieces());
    }
    for (int piece = 0; piece < marked.length; piece++) {
      there.set(piece, marked[piece] == 1 && end(piece) <= written);
    }
  }

  HubFile file() {
    return file;
  }

  int pieces() {
    return Math.toIntExact(Math.ceilDiv(file.size(), size));
  }

  private long end(int piece) {
    return Math.min(file.size(), (piece + 1L) * size);
  }

  boolean has(int piece) {
    return there.get(piece);
  }

  /** Returns how many bytes are still to come. */
  long missing() {
    long missing = file.size();
    for (int piece = there.nextSetBit(0); piece >= 0; piece = there.nextSetBit(piece + 1)) {
      missing -= end(piece) - (long) piece * size;
    }
    return missing;
  }

  /**
   * Fetches a piece.
   *
   * @param memory for the piece, which nothing else uses meanwhile
   * @return whether it was the last one, so that the file can be {@link #complete completed}
   */
  boolean fetch(int piece, HubConnection hub, ByteBuffer memory, LongConsumer arrived) {
    OutputException.writing(data, this::open);
    long begin = (long) piece * size;
    memory.clear();
    hub.read(
        file.address(),
        begin,
        end(piece),
        file.size() <= size,
        bytes -> {
          arrived.accept(bytes.remaining());
          memory.put(bytes);
        });
    memory.flip();
    OutputException.writing(data, () -> write(MemorySegment.ofBuffer(memory), begin));
    OutputException.writing(marks, () -> markChannel.write(ByteBuffer.wrap(new byte[] {1}), piece));
    return digest(piece, memory);
  }

  private void write(MemorySegment bytes, long begin) throws IOException {
    if (blocks.isEmpty()) {
      FilePieces.write(channel, begin, bytes);
    } else {
      blocks.get().write(bytes, begin);
      blocks.get().flush(begin, begin + bytes.byteSize());
    }
  }

  private synchronized void open() throws IOException {
    if (channel != null) {
      return;
    }
    channel = DownloadFolder.open(data);
    if (channel.size() > file.size()) {
      channel.truncate(file.size());
    }
    blocks = io.writer(data, channel, file.size());
    markChannel = DownloadFolder.open(marks);
    // Of pieces that are lost, as by a power failure, none stays marked.
    ByteBuffer marked = ByteBuffer.allocate(pieces());
    there.stream().forEach(piece -> marked.put(piece, (byte) 1));
    markChannel.write(marked, 0);
  }

  /**
   * Digests a piece if its turn comes soon; else it is read again then. Half of those who fetch may
   * wait for their turn, so that a slow connection doesn't hold up all.
   */
  private synchronized boolean digest(int piece, ByteBuffer memory) {
    OutputException.writing(data, this::digestInTurn);
    waiting++;
    while (digested < piece && waiting <= MOST_WAITING) {
      CancelledException.waiting(this::wait);
    }
    waiting--;
    there.set(piece);
    if (digested == piece) {
      digest.update(memory);
      digested++;
    }
    OutputException.writing(data, this::digestInTurn);
    notifyAll();
    return digested == pieces();
  }

  private void digestInTurn() throws IOException {
    for (; digested < pieces() && there.get(digested); digested++) {
      long at = (long) digested * size;
      if (!FilePieces.forEach(channel, at, end(digested) - at, digest::update)) {
        throw new IOException("it became shorter");
      }
    }
  }

  /** Gives the file its name, if all of it is there and its digest is right. */
  synchronized void complete(Path name) {
    OutputException.writing(
        data,
        () -> {
          open();
          digestInTurn();
          channel.force(true);
        });
    close();
    String found = HexFormat.of().formatHex(digest.digest());
    if (!found.equals(file.hash())) {
      OutputException.writing(data, () -> Files.deleteIfExists(data));
      OutputException.writing(marks, () -> Files.deleteIfExists(marks));
      throw ErrorDetails.of(file.path())
          .hint("run the same again: this file begins anew")
          .wrong("content whose digest is " + file.hash(), found);
    }
    OutputException.writing(name, () -> AtomicWrite.moveOver(data, name));
    OutputException.writing(marks, () -> Files.deleteIfExists(marks));
  }

  @Override
  public synchronized void close() {
    // Not all are there if opening them was interrupted.
    for (Closeable open : new Closeable[] {blocks.orElse(null), channel, markChannel}) {
      if (open != null) {
        OutputException.writing(data, open::close);
      }
    }
  }
}
