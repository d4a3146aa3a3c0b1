package data

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
)

// The largest folder of images that is read.
const (
	maxImageSide   = 4096
	maxFolderBytes = 8 << 30 // of pixels
	maxPNGBytes    = 64 << 20
)

// ReadPNGFolder reads the PNG images of a folder, the files named *.png, in the order of their names;
// folders inside it are not looked into. All must have the size of the first, at most 4096 pixels each
// way. Whatever their colours, they come as red, green and blue of 8 bits; transparency is ignored. All
// have label 0 of one class.
func ReadPNGFolder(dir string) (*Images, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	images := &Images{Name: dir, Channels: 3, Classes: 1}
	for _, entry := range entries {
		if !strings.EqualFold(filepath.Ext(entry.Name()), ".png") || entry.IsDir() {
			continue
		}
		if err := images.addPNG(filepath.Join(dir, entry.Name())); err != nil {
			return nil, err
		}
	}
	if images.Len() == 0 {
		return nil, fmt.Errorf("data: folder %s holds no file *.png: name one with images", dir)
	}
	return images, nil
}

// addPNG appends an image.
func (im *Images) addPNG(path string) error {
	file, size, err := openRegular(path)
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	file.Close()
	if size > maxPNGBytes {
		return fmt.Errorf("data: %s: has %d bytes, at most %d are read", path, size, maxPNGBytes)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	head, err := png.DecodeConfig(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("data: %s: not a whole PNG image (%w): remove it or get it again", path, err)
	}
	if im.Len() == 0 {
		im.Height, im.Width = head.Height, head.Width
	}
	switch {
	case head.Height > maxImageSide || head.Width > maxImageSide:
		return fmt.Errorf("data: %s: has %dx%d pixels, at most %d each way are read", path, head.Width, head.Height, maxImageSide)
	case head.Height != im.Height || head.Width != im.Width:
		return fmt.Errorf("data: %s: has %dx%d pixels, the images before it have %dx%d: all must have the same size", path, head.Width, head.Height, im.Width, im.Height)
	case len(im.Pixels)+im.PixelsPerImage() > maxFolderBytes:
		return fmt.Errorf("data: %s: the images before it take %d bytes, at most %d are read: take fewer", path, len(im.Pixels), int64(maxFolderBytes))
	}
	decoded, err := png.Decode(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("data: %s: not a whole PNG image (%w): remove it or get it again", path, err)
	}
	im.Pixels = appendPixels(im.Pixels, decoded)
	im.Labels = append(im.Labels, 0)
	return nil
}

// appendPixels appends red, green and blue of each pixel, row by row.
func appendPixels(pixels []byte, decoded image.Image) []byte {
	bounds := decoded.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			c := color.NRGBAModel.Convert(decoded.At(x, y)).(color.NRGBA)
			pixels = append(pixels, c.R, c.G, c.B)
		}
	}
	return pixels
}
