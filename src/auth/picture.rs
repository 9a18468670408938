//! Pictures of people: whatever is uploaded is decoded within limits and written anew, so that only pixels are left of it.
//!
//! The size is read from the header before a pixel is decoded, one picture is worked on at a time, and what is stored is
//! always a square of [`SIDE`] pixels: a bomb costs nothing, and neither a script nor a place nor a date comes along.

use std::io::Cursor;

use image::{
    DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits, codecs::jpeg::JpegEncoder, imageops::FilterType,
};
use tokio::sync::Semaphore;

use super::profile_store::Picture;
use crate::error::{Error, Result};

/// The side of a stored picture, in pixels.
pub const SIDE: u32 = 256;
/// The most bytes that a stored picture has.
pub const STORED: usize = 256 << 10;
/// The most bytes of a file that is looked at.
pub const UPLOADED: usize = 8 << 20;
/// The most pixels that are decoded; more than the cameras of most telephones make.
const PIXELS: u64 = 25_000_000;
/// The longest side that is decoded.
const LONGEST: u32 = 8_192;
/// The most memory that one decoder may take.
const MEMORY: u64 = 128 << 20;

/// How many pictures are worked on at once.
static AT_ONCE: Semaphore = Semaphore::const_new(1);

/// How a stored picture is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[repr(i64)]
pub enum Format {
    /// With see-through parts.
    Png = 1,
    /// Without.
    Jpeg = 2,
}

impl Format {
    /// The type for browsers.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
        }
    }
}

fn refused(why: &str) -> Error {
    Error::invalid("picture", why)
}

/// Makes the square that is stored out of an uploaded file; a refusal is about the field `picture`.
pub async fn prepare(file: Vec<u8>) -> Result<Picture> {
    if file.len() > UPLOADED {
        return Err(refused(
            "This file is larger than 8 MB. Choose a smaller picture, or save it with less quality.",
        ));
    }
    let turn = AT_ONCE
        .acquire()
        .await
        .map_err(|error| Error::Internal(error.to_string()))?;
    let made = tokio::task::spawn_blocking(move || square(&file)).await;
    drop(turn);
    made.map_err(|error| Error::Internal(error.to_string()))?
}

/// The work itself, which takes too long for the threads that answer requests.
fn square(file: &[u8]) -> Result<Picture> {
    let broken =
        || refused("This file cannot be read as a picture. Save it again as PNG or JPEG and choose that file.");
    let mut reader = ImageReader::new(Cursor::new(file))
        .with_guessed_format()
        .map_err(|_| broken())?;
    // By what the file holds, whatever its name and type say.
    match reader.format() {
        Some(ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP | ImageFormat::Gif) => {}
        _ => return Err(refused("Choose a picture in PNG, JPEG, WebP or GIF format.")),
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST);
    limits.max_image_height = Some(LONGEST);
    limits.max_alloc = Some(MEMORY);
    reader.limits(limits);
    let too_large =
        || refused("This picture has too many pixels. Choose one of at most 25 megapixels and 8,192 pixels on a side.");
    let mut decoder = match reader.into_decoder() {
        Ok(decoder) => decoder,
        Err(image::ImageError::Limits(_)) => return Err(too_large()),
        Err(_) => return Err(broken()),
    };
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(broken());
    }
    if u64::from(width) * u64::from(height) > PIXELS
        || width > LONGEST
        || height > LONGEST
        || decoder.total_bytes() > MEMORY
    {
        return Err(too_large());
    }
    let orientation = decoder.orientation().ok();
    let mut picture = match DynamicImage::from_decoder(decoder) {
        Ok(picture) => picture,
        Err(image::ImageError::Limits(_)) => return Err(too_large()),
        Err(_) => return Err(broken()),
    };
    let side = width.min(height);
    picture = picture.crop_imm((width - side) / 2, (height - side) / 2, side, side);
    picture = if side >= SIDE {
        picture.thumbnail_exact(SIDE, SIDE)
    } else {
        picture.resize_exact(SIDE, SIDE, FilterType::CatmullRom)
    };
    // Cameras write how they were held beside the pixels, and that note is not kept.
    if let Some(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    written(&picture).ok_or_else(|| Error::Internal("a picture could not be written".to_owned()))
}

/// PNG where parts are see-through and it is small enough, else JPEG on white.
fn written(picture: &DynamicImage) -> Option<Picture> {
    let pixels = picture.to_rgba8();
    if pixels.pixels().any(|pixel| pixel.0[3] < u8::MAX) {
        let mut bytes = Vec::new();
        pixels.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).ok()?;
        if bytes.len() <= STORED {
            return Some(Picture {
                format: Format::Png,
                bytes,
            });
        }
    }
    let mut flat = image::RgbImage::new(pixels.width(), pixels.height());
    for (to, from) in flat.pixels_mut().zip(pixels.pixels()) {
        let [.., alpha] = from.0;
        for (to, from) in to.0.iter_mut().zip(from.0) {
            let mixed = u16::from(from) * u16::from(alpha) + 255 * (255 - u16::from(alpha));
            *to = (mixed / 255) as u8;
        }
    }
    // Noise at this size and quality stays below a fifth of what may be stored.
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 85).encode_image(&flat).ok()?;
    (bytes.len() <= STORED).then_some(Picture {
        format: Format::Jpeg,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};
    use proptest::prelude::*;

    use super::*;

    fn encoded(picture: &RgbaImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        let picture = DynamicImage::from(picture.clone());
        let picture = if format == ImageFormat::Jpeg {
            DynamicImage::from(picture.to_rgb8())
        } else {
            picture
        };
        picture.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    fn why(file: &[u8]) -> String {
        match square(file) {
            Err(Error::Invalid {
                field: "picture",
                message,
            }) => message,
            other => panic!("{other:?}"),
        }
    }

    /// A PNG that says how large it is, and holds nothing of it.
    fn claim(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = encoded(&RgbaImage::new(1, 1), ImageFormat::Png);
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let mut sum = flate2::Crc::new();
        sum.update(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&sum.sum().to_be_bytes());
        bytes
    }

    #[test]
    fn r_pro_02_every_format_becomes_a_square() {
        let opaque = RgbaImage::from_pixel(640, 400, Rgba([200, 30, 30, 255]));
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif] {
            let made = square(&encoded(&opaque, format)).unwrap();
            assert_eq!(made.format, Format::Jpeg, "{format:?}");
            let read = image::load_from_memory(&made.bytes).unwrap();
            assert_eq!((read.width(), read.height()), (SIDE, SIDE));
            let pixel = read.to_rgb8().get_pixel(128, 128).0;
            assert!(pixel[0] > 180 && pixel[1] < 60, "{format:?}: {pixel:?}");
        }
        let clear = RgbaImage::from_pixel(20, 90, Rgba([0, 90, 0, 120]));
        let made = square(&encoded(&clear, ImageFormat::Png)).unwrap();
        assert_eq!(made.format, Format::Png);
        assert_eq!(
            image::load_from_memory(&made.bytes)
                .unwrap()
                .to_rgba8()
                .get_pixel(3, 3)
                .0[3],
            120
        );
    }

    #[test]
    fn r_pro_02_noise_with_holes_still_fits() {
        let mut seed = 7_u32;
        let noise = RgbaImage::from_fn(SIDE, SIDE, |_, _| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Rgba(seed.to_be_bytes())
        });
        let made = square(&encoded(&noise, ImageFormat::Png)).unwrap();
        assert!(made.bytes.len() <= STORED, "{}", made.bytes.len());
    }

    #[test]
    fn cve_avatar_bombs_are_refused_before_they_are_decoded() {
        for (width, height) in [
            (50_000, 50_000),
            (8_193, 1),
            (1, 8_193),
            (8_000, 8_000),
            (u32::MAX >> 1, 2),
        ] {
            let why = why(&claim(width, height));
            assert!(why.contains("too many pixels"), "{width} x {height}: {why}");
        }
        assert!(why(&claim(0, 5)).contains("cannot be read"));
    }

    #[test]
    fn cve_avatar_only_pictures_are_taken_and_only_their_pixels_kept() {
        let svg = br#"<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>"#;
        for other in [
            &svg[..],
            b"%PDF-1.7",
            b"GIF89a",
            b"\x89PNG\r\n\x1a\n",
            b"BM000000000000000000",
            b"<html>",
            b"x",
        ] {
            assert!(square(other).is_err(), "{other:?}");
        }
        assert!(why(svg).contains("PNG, JPEG, WebP or GIF"));
        // A picture that is a page as well: whatever stands behind or inside of it is gone.
        let payload = b"<script>alert(document.domain)</script>";
        let plain = RgbaImage::from_pixel(300, 300, Rgba([9, 9, 9, 255]));
        for format in [ImageFormat::Png, ImageFormat::Gif, ImageFormat::Jpeg] {
            let mut file = encoded(&plain, format);
            file.extend_from_slice(payload);
            let made = square(&file).unwrap();
            assert!(
                !made
                    .bytes
                    .windows(8)
                    .any(|part| payload.windows(8).any(|bad| bad == part))
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn cve_avatar_broken_files_never_panic(place in 0_usize..400, byte: u8, cut in 0_usize..400) {
            let picture = RgbaImage::from_fn(40, 30, |x, y| Rgba([(x * 6) as u8, (y * 8) as u8, 77, 255]));
            for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif] {
                let mut file = encoded(&picture, format);
                let place = place % file.len();
                file[place] = byte;
                file.truncate(file.len() - cut.min(file.len() - 1));
                if let Ok(made) = square(&file) {
                    prop_assert!(made.bytes.len() <= STORED);
                }
            }
        }
    }
}
