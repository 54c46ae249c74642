package io.github.wandacuda.pruning;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a file of NumPy's {@code .npy} format begins with: a magic number, a version, and the text
 * of a Python dictionary. What is there is told as it is spelled; nothing is evaluated.
 *
 * @param descr the element type, such as {@code '|u1'}, with its quotes
 * @param shape the dimensions, such as {@code (2048,)}
 */
record NpyHeader(String descr, String shape) {
  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};

  /** Far more than the header of any array without fields, and what NumPy itself takes. */
  private static final int LONGEST = 10_000;

  private static final Pattern DESCR = Pattern.compile("['\"]descr['\"]\\s*:\\s*('[^']*'|[^,}]*)");
  private static final Pattern SHAPE = Pattern.compile("['\"]shape['\"]\\s*:\\s*(\\([^)]*\\))");

  /** A header that isn't one. */
  static final class WrongHeaderException extends Exception {
    private static final long serialVersionUID = 1L;

    WrongHeaderException(String found) {
      super(found);
    }
  }

  /**
   * Reads a header, up to the first byte of the data.
   *
   * @throws WrongHeaderException if there is none; the message says what there is
   * @throws IOException if it can't be read
   */
  static NpyHeader read(InputStream stream) throws IOException, WrongHeaderException {
    DataInputStream in = new DataInputStream(stream);
    try {
      if (!Arrays.equals(in.readNBytes(MAGIC.length), MAGIC)) {
        throw new WrongHeaderException("another start");
      }
      int major = in.readUnsignedByte();
      in.readUnsignedByte();
      if (major < 1 || major > 3) {
        throw new WrongHeaderException("version " + major);
      }
      int length = in.readUnsignedByte() | in.readUnsignedByte() << 8;
      if (major > 1) {
        length |= in.readUnsignedByte() << 16 | in.readUnsignedByte() << 24;
      }
      if (length < 0 || length > LONGEST) {
        throw new WrongHeaderException(
            "a header of %s bytes".formatted(Integer.toUnsignedString(length)));
      }
      byte[] text = new byte[length];
      in.readFully(text);
      return parse(new String(text, StandardCharsets.UTF_8));
    } catch (EOFException e) {
      throw new WrongHeaderException("its end within the header");
    }
  }

  private static NpyHeader parse(String text) throws WrongHeaderException {
    Matcher descr = DESCR.matcher(text);
    Matcher shape = SHAPE.matcher(text);
    if (!descr.find() || !shape.find()) {
      throw new WrongHeaderException("a header without descr and shape");
    }
    return new NpyHeader(descr.group(1).strip(), shape.group(1).replace(" ", ""));
  }

  /** Returns whether the elements are Python objects, which only running code could read. */
  boolean isPickled() {
    return descr.contains("O");
  }

  /** Returns whether it is a vector of so many unsigned bytes. */
  boolean isBytes(long count) {
    return descr.matches("'[|<>=]?u1'") && shape.equals("(%d,)".formatted(count));
  }
}
